import CommandSupport

extension CompletionScripts {
    /// The files in Completions, built into the program.
    static let ofProgram = CompletionScripts(
        bash: PackageResources.reverse_client_bash,
        zsh: PackageResources.reverse_client_zsh,
        fish: PackageResources.reverse_client_fish
    )
}
