@main struct ReverseClientCommand {
    static func main() {}
}
