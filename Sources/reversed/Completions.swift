import CommandSupport

extension CompletionScripts {
    /// The files in Completions, embedded in the program.
    static let ofProgram = CompletionScripts(
        bash: PackageResources.reversed_bash,
        zsh: PackageResources.reversed_zsh,
        fish: PackageResources.reversed_fish
    )
}
