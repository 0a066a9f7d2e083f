import Encoding

/// The field from which a signal was to come, in a message that gave it no value.
public struct UnreadSource: Sendable, Equatable {
    public var field: String
    /// The value, as it is written; nil where the message has no such field.
    public var found: String?

    public init(field: String, found: String?) {
        self.field = field
        self.found = found
    }
}

extension Profile {
    /// The field that a signal comes from first.
    public func field(of signal: Int) -> String? {
        for topic in topics {
            guard let mapping = topic.signals.first(where: { $0.signal.rawValue == signal }),
                let source = mapping.sources.first
            else { continue }
            return topic.fields.name(source.field)
        }
        return nil
    }
}

extension MessageDecoder {
    /// An unexpected value in words. `payload` must be the message that was decoded last.
    public func explain(_ unexpected: UnexpectedValue, in payload: Span<UInt8>) -> UnreadableField {
        let topic = profile.topics[topicIndex]
        let end = min(unexpected.end, unexpected.start + 60)
        let bytes =
            unexpected.isResolved
            ? Array(resolved[unexpected.start..<end])
            : payload.extracting(unexpected.start..<end).array
        let text = String(decoding: bytes, as: UTF8.self)
        return UnreadableField(
            kind: unexpected.kind, field: topic.fields.name(unexpected.field),
            expected: topic.expectation(of: unexpected.reader),
            found: unexpected.isText ? "\"\(text)\"" : text)
    }

    /// - Parameters:
    ///   - signal: a signal to which the last message gave no value.
    ///   - payload: the message that was decoded last.
    public func source(of signal: Int, in payload: Span<UInt8>) -> UnreadSource? {
        let topic = profile.topics[topicIndex]
        guard let step = topic.plan.steps.firstIndex(where: { $0.signal == signal }) else {
            return nil
        }
        for unexpected in unexpectedValues {
            guard case .signal(step, _) = unexpected.reader else { continue }
            let value = explain(unexpected, in: payload)
            return UnreadSource(field: value.field, found: value.found)
        }
        let first = topic.plan.sources[topic.plan.steps[step].sources.lowerBound]
        return UnreadSource(field: topic.fields.name(first.field), found: nil)
    }
}
