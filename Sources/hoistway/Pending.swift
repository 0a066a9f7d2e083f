import ArgumentParser
struct Run: AsyncParsableCommand {}
struct Status: ParsableCommand {}
struct JournalCommand: ParsableCommand { static let configuration = CommandConfiguration(commandName: "journal") }
