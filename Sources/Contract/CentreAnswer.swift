import Encoding

/// A centre's answer, over any transport:
///
///     {"id": "…"} or {"ids": ["…"]}                      receipts: these events are stored
///     {"refused": [{"id": "…", "reason": "…"}]}          refusals: these will never be stored
///     {"words": [{"word": "accepted", "alert_id": …}]}   centre commands
///     {"words": [{"jws": "…"}]}                          signed centre commands (`CommandKey`)
///
/// One element that cannot be read does not invalidate the others.
package struct CentreAnswer {
    package struct Refusal: Equatable {
        package var id: String
        package var reason: String?

        package init(id: String, reason: String?) {
            self.id = id
            self.reason = reason
        }
    }

    /// Why an answer, or a command in it, could not be read: what was found and expected.
    package struct Problem: Error, CustomStringConvertible {
        package var description: String
        /// The answer names refused events: no event of the request counts as stored.
        package var namesRefusal = false
        /// The answer names commands: the centre gets an event that none of them was followed.
        package var namesCommands = false

        package init(_ description: String) { self.description = description }
    }

    /// Commands in one answer: no person sends more at once, and each costs the loop a commit.
    static let maxCommands = 20
    /// An answer has fewer bytes, over every transport.
    package static let longest = 1 << 20

    package private(set) var stored: [String] = []
    package private(set) var refused: [Refusal] = []
    package var commands: [CentreCommand] = []
    /// What is wrong with the receipts and refusals that could not be read.
    package private(set) var problems: [String] = []
    /// Commands that could not be read: each is answered.
    package private(set) var refusedCommands: [RefusedCommand] = []
    /// A refusal could not be read: no event of the request counts as stored.
    package private(set) var hasUnreadableRefusal = false

    package var isEmpty: Bool { stored.isEmpty && refused.isEmpty && commands.isEmpty }

    /// An empty answer, as in the empty body of a 2xx.
    package init() {}

    package init(_ bytes: [UInt8], _ requirements: CommandRequirements = CommandRequirements())
        throws(Problem)
    {
        guard bytes.count < Self.longest else {
            throw Self.unreadable(
                bytes, nil,
                "it has \(bytes.count) bytes or more, expected fewer than \(Self.longest)")
        }
        guard let value = JSONValue(answer: bytes) else {
            throw Self.unreadable(bytes, nil, "not JSON: expected \(Self.form)")
        }
        if let key = repeatedKey(in: bytes) {
            throw Self.unreadable(
                bytes, value,
                "the key \"\(printable(key, upTo: 50))\" stands twice in one object, or is written with escapes"
            )
        }
        guard case .object(let members) = value else {
            throw Self.unreadable(bytes, value, "found \(value.summary), expected \(Self.form)")
        }
        takeStored(members["id"] ?? .nothing, members["ids"] ?? .nothing)
        takeRefused(members["refused"] ?? .nothing)
        takeCommands(members["words"] ?? .nothing, requirements)
        if isEmpty, problems.isEmpty, refusedCommands.isEmpty, members["word"] != nil {
            refuse(value, "a command stands alone, expected {\"words\": [{\"word\": …}]}")
        }
    }

    private static let form =
        "an object: {\"id\": …}, {\"ids\": […]}, {\"refused\": […]} or {\"words\": […]}"

    /// - Parameter value: the decoded bytes, where they are JSON: keys may be written with escapes.
    private static func unreadable(_ bytes: [UInt8], _ value: JSONValue?, _ description: String)
        -> Problem
    {
        var members: [String: JSONValue] = [:]
        if case .object(let all)? = value { members = all }
        // Bytes that are not JSON count only where they begin like JSON: a web page may contain any
        // key.
        let isMeantAsJSON =
            bytes.first { $0 > 32 }.map { $0 == UInt8(ascii: "{") || $0 == UInt8(ascii: "[") }
            ?? false
        func names(_ key: String) -> Bool {
            members[key] != nil
                || isMeantAsJSON && bytes.firstRange(of: Array("\"\(key)\"".utf8)) != nil
        }
        var problem = Problem(description)
        problem.namesRefusal = names("refused")
        problem.namesCommands = names("words")
        return problem
    }

    // MARK: Receipts and refusals

    private mutating func takeStored(_ one: JSONValue, _ several: JSONValue) {
        let expected = "the id of an event, as a text"
        switch one {
        case .nothing: break
        case .text(let id): stored.append(id)
        default: problems.append("\"id\": found \(one.summary), expected \(expected)")
        }
        switch several {
        case .nothing: break
        case .list(let items):
            stored += items.compactMap(\.text)
            if let index = items.firstIndex(where: { $0.text == nil }) {
                problems.append(
                    "\"ids\" [\(index)]: found \(items[index].summary), expected \(expected)")
            }
        default: problems.append("\"ids\": found \(several.summary), expected a list of ids")
        }
    }

    private mutating func takeRefused(_ value: JSONValue) {
        let expected = "[{\"id\": …, \"reason\": …}]"
        func unreadable(_ problem: String) {
            hasUnreadableRefusal = true
            problems.append(problem)
        }
        switch value {
        case .nothing: break
        case .list(let items):
            for (index, item) in items.enumerated() {
                guard case .object(let members) = item, let id = members["id"]?.text else {
                    unreadable(
                        "\"refused\" [\(index)]: it names no event by its \"id\", expected \(expected)"
                    )
                    continue
                }
                let reason = members["reason"] ?? .nothing
                guard reason == .nothing || reason.text != nil else {
                    unreadable(
                        "\"refused\" [\(index)] \"reason\": found \(reason.summary), expected a text"
                    )
                    continue
                }
                refused.append(
                    Refusal(id: id, reason: reason.text.map { printable($0, upTo: 200) }))
            }
        default: unreadable("\"refused\": found \(value.summary), expected \(expected)")
        }
    }

    // MARK: Centre commands

    private mutating func takeCommands(_ value: JSONValue, _ requirements: CommandRequirements) {
        switch value {
        case .nothing: break
        case .list(let items):
            for item in items {
                guard commands.count < Self.maxCommands else {
                    refuse(
                        .nothing,
                        "more than \(Self.maxCommands) commands at once; send the rest again")
                    break
                }
                take(command: item, requirements)
            }
        default: refuse(value, "\"words\": found \(value.summary), expected a list [{\"word\": …}]")
        }
    }

    private mutating func take(command item: JSONValue, _ requirements: CommandRequirements) {
        var payload = item
        do throws(Problem) {
            if case .object(let members) = item, let jws = members["jws"], jws != .nothing {
                guard let text = jws.text else {
                    throw Problem(
                        "\"jws\": found \(jws.summary), expected HEADER.PAYLOAD.SIGNATURE, as a text"
                    )
                }
                // Unverified: only the answer to a refused command uses it, to repeat the ids.
                // Where it cannot be read, the next line throws the reason.
                if let bytes = try? CommandKey.unverifiedPayload(of: text) {
                    payload = JSONValue(answer: bytes) ?? .nothing
                }
                commands.append(try Self.command(signed: text, requirements))
            } else {
                if requirements.key != nil {
                    throw Problem(
                        "not signed, and this gateway takes signed commands only (command_key); expected {\"jws\": …}"
                    )
                }
                commands.append(try CentreCommand(item))
            }
        } catch { refuse(payload, error.description) }
    }

    private static func command(
        signed jws: String, _ requirements: CommandRequirements
    ) throws(Problem) -> CentreCommand {
        let payload: [UInt8]
        do throws(CommandKey.Problem) {
            if let key = requirements.key {
                payload = try key.payload(of: jws)
            } else {
                // A centre may sign before its boxes have its key.
                payload = try CommandKey.unverifiedPayload(of: jws)
            }
        } catch { throw Problem(error.description) }
        if let key = repeatedKey(in: payload) {
            throw Problem("\"jws\": the key \"\(printable(key, upTo: 50))\" stands twice")
        }
        guard let value = JSONValue(answer: payload) else {
            throw Problem("\"jws\": the signed payload is not JSON")
        }
        let command: CentreCommand
        do throws(Problem) { command = try CentreCommand(value) } catch {
            throw Problem("\"jws\": \(error)")
        }
        if let mistake = requirements.mistake(in: command) { throw Problem(mistake) }
        return command
    }

    /// - Parameter command: its ids, where they can be read, identify it in the answer.
    private mutating func refuse(_ command: JSONValue, _ problem: String) {
        var members: [String: JSONValue] = [:]
        if case .object(let all) = command { members = all }
        func id(_ key: String) -> String? { members[key]?.text.map { printable($0, upTo: 100) } }
        refusedCommands.append(
            RefusedCommand(commandID: id("word_id"), alertID: id("alert_id"), problem))
    }

    // MARK: The two topics of MQTT

    /// Refuses the commands of an answer on the topic for receipts: an access list can permit an
    /// account to send receipts, and no commands.
    package mutating func rejectCommands(on topic: String, but other: String) {
        let problem = "commands are not taken on \(topic); publish them on \(other)"
        refusedCommands =
            commands.map { RefusedCommand(commandID: $0.commandID, alertID: $0.alertID, problem) }
            + refusedCommands.map {
                RefusedCommand(commandID: $0.commandID, alertID: $0.alertID, problem)
            }
        commands.removeAll()
    }
    package mutating func rejectReceipts(on topic: String, but other: String) {
        guard !stored.isEmpty || !refused.isEmpty || hasUnreadableRefusal else { return }
        problems.append("receipts and refusals are not taken on \(topic); publish them on \(other)")
        forgetEvents()
    }

    // MARK: Until it is processed

    package mutating func add(_ other: CentreAnswer) {
        stored += other.stored
        refused += other.refused
        commands += other.commands
    }
    /// Empties the receipts and refusals.
    package mutating func forgetEvents() {
        stored.removeAll()
        refused.removeAll()
    }
    /// Limits the memory while the journal cannot be written. For a receipt that is dropped here,
    /// the event is sent again, and the centre sends another one.
    package mutating func keepNewest(_ count: Int) {
        stored = stored.suffix(count)
        refused = refused.suffix(count)
        commands = commands.suffix(count)
    }
}
