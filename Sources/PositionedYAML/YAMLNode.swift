import CYAML

/// A YAML value with its location in the file, for errors that a person can act on.
///
/// Aliases are refused: in files of this kind they hide more than they save.
public struct YAMLNode: Sendable {
    public enum Content: Sendable {
        /// Plain scalars may be null, numbers or Booleans; quoted ones are text.
        case scalar(String, isPlain: Bool)
        case sequence([YAMLNode])
        case mapping([(key: YAMLNode, value: YAMLNode)])
    }
    public var content: Content
    public var file: String
    public var line: Int
    public var column: Int

    /// The deepest nesting that is read. Only a hostile file is deeper.
    static let maximumDepth = 32
    /// The largest file that is read, in bytes.
    public static let maximumSize = 4 << 20

    /// Reads one YAML document.
    /// - Throws: `InvalidFiles` with the location of the syntax error.
    public init(parsing bytes: [UInt8], file: String) throws(InvalidFiles) {
        func fail(_ message: String, _ line: Int, _ column: Int) -> InvalidFiles {
            InvalidFiles([Diagnostic(file: file, line: line, column: column, message: message)])
        }
        if bytes.count > Self.maximumSize {
            throw fail("the file has \(bytes.count) bytes; the limit is \(Self.maximumSize)", 1, 1)
        }
        var parser = yaml_parser_t()
        guard yaml_parser_initialize(&parser) == 1 else { throw fail("out of memory", 1, 1) }
        defer { yaml_parser_delete(&parser) }
        var builder = TreeBuilder(file: file)
        // libyaml reads from the buffer until the parser ends, which is inside this closure.
        let failure: Diagnostic? = bytes.withUnsafeBufferPointer { buffer in
            // libyaml reads the bytes in place; the parser does not outlive this closure's use of
            // it.
            yaml_parser_set_input_string(&parser, buffer.baseAddress, buffer.count)
            while true {
                var event = yaml_event_t()
                guard yaml_parser_parse(&parser, &event) == 1 else {
                    return Diagnostic(problemOf: parser, in: bytes, file: file)
                }
                defer { yaml_event_delete(&event) }
                if event.type == YAML_STREAM_END_EVENT { return nil }
                if let message = builder.take(event) {
                    return Diagnostic(
                        file: file, line: Int(event.start_mark.line) + 1,
                        column: Int(event.start_mark.column) + 1,
                        message: message)
                }
            }
        }
        if let failure { throw InvalidFiles([failure]) }
        guard let root = builder.root else { throw fail("the file is empty", 1, 1) }
        self = root
    }

    init(_ content: Content, file: String, mark: yaml_mark_t) {
        self.content = content
        self.file = file
        line = Int(mark.line) + 1
        column = Int(mark.column) + 1
    }

    public func diagnostic(_ message: String) -> Diagnostic {
        Diagnostic(file: file, line: line, column: column, message: message)
    }

    /// The scalar's text; nil for null.
    public var text: String? {
        guard case .scalar(let text, let isPlain) = content else { return nil }
        return isPlain && ["", "~", "null"].contains(text) ? nil : text
    }

    /// What the file has at this location, for an error message.
    public var summary: String {
        switch content {
        case .scalar(let text, _): "'\(text)'"
        case .sequence(let items): "a list of \(items.count)"
        case .mapping(let pairs): "a mapping of \(pairs.count) keys"
        }
    }
}

extension Diagnostic {
    /// The syntax error of libyaml, at the location where a person would look for it.
    fileprivate init(problemOf parser: yaml_parser_t, in bytes: [UInt8], file: String) {
        if parser.error == YAML_READER_ERROR, Int(parser.problem_offset) < bytes.count {
            // For bytes that are not text libyaml gives an offset, but no line and column.
            let before = bytes[..<Int(parser.problem_offset)]
            let line = before.count { $0 == UInt8(ascii: "\n") } + 1
            let lineStart = before.lastIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? 0
            self.init(
                file: file, line: line,
                column: String(decoding: before[lineStart...], as: UTF8.self).unicodeScalars.count
                    + 1,
                message: "this text is not UTF-8 (is it GBK?): save the file as UTF-8")
            return
        }
        let (line, column) = (Int(parser.problem_mark.line), Int(parser.problem_mark.column))
        let lines = bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        let indentation = line < lines.count ? lines[line].prefix { $0 == 32 || $0 == 9 } : []
        let isTab = column <= indentation.count && indentation.contains(9)
        let problem = parser.problem.map { String(cString: $0) } ?? "not YAML"
        self.init(
            file: file, line: line + 1, column: column + 1,
            message: isTab
                ? "this line begins with a tab: YAML indents with spaces"
                : "not YAML here: \(problem)")
    }
}

/// Turns libyaml's events into a tree.
private struct TreeBuilder {
    /// A list or mapping whose end has not come. A class, so that it is not copied for each event.
    private final class Open {
        var node: YAMLNode
        /// The key whose value comes next.
        var key: YAMLNode?
        init(_ node: YAMLNode) { self.node = node }
    }
    let file: String
    var root: YAMLNode?
    private var open: [Open] = []

    init(file: String) { self.file = file }

    /// - Returns: the mistake in the event, or nil.
    mutating func take(_ event: yaml_event_t) -> String? {
        switch event.type {
        case YAML_ALIAS_EVENT:
            return "aliases (*name) are not read here; write the value out"
        case YAML_DOCUMENT_START_EVENT:
            return root == nil ? nil : "a second document (---) in one file is not read"
        case YAML_SCALAR_EVENT:
            let scalar = event.data.scalar
            // libyaml's memory, valid until the event is deleted: it is copied.
            let text = String(
                decoding: UnsafeBufferPointer(start: scalar.value, count: scalar.length),
                as: UTF8.self)
            let isPlain = scalar.style == YAML_PLAIN_SCALAR_STYLE
            return add(
                YAMLNode(.scalar(text, isPlain: isPlain), file: file, mark: event.start_mark))
        case YAML_SEQUENCE_START_EVENT, YAML_MAPPING_START_EVENT:
            if open.count >= YAMLNode.maximumDepth {
                return "nested deeper than \(YAMLNode.maximumDepth) levels"
            }
            let empty: YAMLNode.Content =
                event.type == YAML_SEQUENCE_START_EVENT ? .sequence([]) : .mapping([])
            open.append(Open(YAMLNode(empty, file: file, mark: event.start_mark)))
        case YAML_SEQUENCE_END_EVENT, YAML_MAPPING_END_EVENT:
            return add(open.removeLast().node)
        default: break
        }
        return nil
    }

    private mutating func add(_ node: YAMLNode) -> String? {
        guard let last = open.last else {
            root = node
            return nil
        }
        switch last.node.content {
        case .sequence(var items):
            // Releases the shared copy, so that append copies nothing.
            last.node.content = .sequence([])
            items.append(node)
            last.node.content = .sequence(items)
        case .mapping(var pairs):
            guard let key = last.key else {
                guard case .scalar(let name, _) = node.content else {
                    return "found a list or a mapping as a key, expected text"
                }
                if pairs.contains(where: { $0.key.text == name }) {
                    return "the key '\(name)' stands here twice"
                }
                last.key = node
                return nil
            }
            last.node.content = .mapping([])
            pairs.append((key, node))
            last.node.content = .mapping(pairs)
            last.key = nil
        case .scalar: break
        }
        return nil
    }
}

extension YAMLNode {
    /// Whether this is a mapping with such a key.
    public func hasKey(_ name: String) -> Bool {
        guard case .mapping(let pairs) = content else { return false }
        return pairs.contains { $0.key.text == name }
    }
}
