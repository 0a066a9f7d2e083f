import Contract
import DeliveryCore
import Journal
import LiftModel
import Platform

/// A centre's answers over MQTT, from their arrival until they are durable. What a failing disk
/// does not take stays in memory for another attempt: it must neither delay alerts nor end the
/// connection.
struct AnswerQueue {
    private let settings: RouteSettings
    private let context: RouteContext
    private let topics: CentreTopics
    private var answers = CentreAnswer()
    private var nextAttempt: MonotonicTime = .boot
    private static let pause = Duration.seconds(1)
    /// Receipts, refusals and commands each.
    private static let most = 1000

    init(_ settings: RouteSettings, _ context: RouteContext, _ topics: CentreTopics) {
        self.settings = settings
        self.context = context
        self.topics = topics
    }

    /// Takes a message on one of the centre's two topics.
    mutating func take(topic: Span<UInt8>, payload: Span<UInt8>, isRetained: Bool) {
        // The time of a retained message is unknown.
        guard !isRetained else {
            return context.reject("a retained message; publish without retain", of: settings.centre)
        }
        let (receipts, commands) = (topics.receipts, topics.commands)
        let isCommandTopic = topic.array.elementsEqual(commands.utf8)
        do throws(CentreAnswer.Problem) {
            var answer = try CentreAnswer(payload.array, settings.commandRequirements)
            if isCommandTopic {
                answer.rejectReceipts(on: commands, but: receipts)
            } else {
                answer.rejectCommands(on: receipts, but: commands)
            }
            context.noteMistakes(in: answer, of: settings.centre)
            guard !answer.isEmpty || !answer.problems.isEmpty || !answer.refusedCommands.isEmpty
            else {
                throw CentreAnswer.Problem(
                    "nothing in it is known: expected \(isCommandTopic ? "\"words\"" : "\"id\", \"ids\" or \"refused\"")"
                )
            }
            answers.add(answer)
        } catch {
            // A lost receipt needs no answer to the centre: the event is sent again.
            guard isCommandTopic else {
                return context.reject(error.description, of: settings.centre)
            }
            context.refuse(RefusedCommand(error.description), of: settings.centre)
        }
    }

    /// Applies the answers so far.
    mutating func process(_ journal: Journal, _ dispatch: inout Dispatch) {
        guard !answers.isEmpty, MonotonicClock.now >= nextAttempt else { return }
        answers.commands.removeAll { context.storeCommand($0) }
        do throws(JournalError) {
            try ReceiptHandler(settings: settings, context: context, journal: journal)
                .apply(stored: answers.stored, refused: answers.refused, &dispatch)
            answers.forgetEvents()
        } catch {
            context.delivery.note(error)
            context.logDisk(error, "receipts of \(settings.centre) are not stored")
        }
        if !answers.isEmpty { nextAttempt = MonotonicClock.now + Self.pause }
        answers.keepNewest(Self.most)
    }
}
