import Delivery
import FoundationEssentials
import GatewayCore
import PositionedYAML

/// Reads a centre's form from a file of `Devices/centres`.
enum CentreFormFile {
    /// - Parameters:
    /// - name: the name of a shipped form, or the path of a file that ends in `.yaml`.
    /// - node: the node that names it.
    /// - Returns: nil where there is a mistake, which is reported.
    static func read(
        _ name: String, _ node: YAMLNode, _ diagnostics: Diagnostics, resolve: (String) -> String
    ) -> CentreForm? {
        let folder = DeviceData.shippedFolder() + "/centres"
        let path = path(of: name, resolve: resolve)
        guard FileManager.default.fileExists(atPath: path) else {
            var expected = "a .yaml file"
            do throws(InvalidFiles) {
                let shipped = try Files.yamlFiles(in: folder).map {
                    String($0.dropFirst(folder.utf8.count + 1).dropLast(".yaml".utf8.count))
                }
                expected += " or one of \(shipped.joined(separator: ", "))"
            } catch { for diagnostic in error.diagnostics { diagnostics.report(diagnostic) } }
            diagnostics.report(node, "form: there is no '\(path)'; expected \(expected)")
            return nil
        }
        do throws(InvalidFiles) { return try read(path) } catch {
            for diagnostic in error.diagnostics { diagnostics.report(diagnostic) }
            return nil
        }
    }

    static func path(of name: String, resolve: (String) -> String) -> String {
        name.hasSuffix(".yaml")
            ? resolve(name) : "\(DeviceData.shippedFolder())/centres/\(name).yaml"
    }

    /// - Throws: `InvalidFiles` with every mistake.
    static func read(_ path: String) throws(InvalidFiles) -> CentreForm {
        let root = try Files.yaml(path)
        let diagnostics = Diagnostics()
        var reader = YAMLReader(root, diagnostics)
        _ = reader.text("title")
        _ = reader.text("source")
        _ = reader.optional("example")
        let fields = reader.entries("fields").compactMap { key, value in
            source(value, diagnostics).map { (key.text ?? "", $0) }
        }
        let members = fields.reduce(0) { $0 + $1.1.paths.count }
        if members > CentreForm.mostMembers, let fieldsNode = reader.optional("fields") {
            diagnostics.report(
                fieldsNode,
                "found \(members) members of an event, expected at most \(CentreForm.mostMembers)")
            throw InvalidFiles(diagnostics.all)
        }
        let form = CentreForm(
            name: reader.requiredText("form") ?? "",
            contentType: reader.text("content_type") ?? "application/json",
            kinds: reader.entries("kinds").compactMap { key, value in
                kindCode(key.text ?? "", value, diagnostics)
            },
            states: Dictionary(
                reader.entries("states").compactMap { key, value in
                    code(value, diagnostics).map { (key.text ?? "", $0) }
                }, uniquingKeysWith: { $1 }),
            fields: fields, success: reader.optional("success").flatMap { success($0, diagnostics) }
        )
        for key in ["kinds", "states", "fields"] where reader.optional(key) == nil {
            _ = reader.required(key)
        }
        let advice =
            "Did you mean 'success: { field: code, equals: 0 }', by which the body of a 2xx is a receipt or not?"
        reader.finish(hints: [
            "accepted_when": advice, "accepted": advice, "ok_when": advice, "receipt": advice,
        ])
        if !diagnostics.isEmpty { throw InvalidFiles(diagnostics.all) }
        return form
    }

    /// `7`, or `{ at_level: 7, otherwise: 8 }`.
    private static func kindCode(
        _ kind: String, _ node: YAMLNode, _ diagnostics: Diagnostics
    ) -> CentreForm.KindCode? {
        guard case .mapping(let pairs) = node.content else {
            return code(node, diagnostics).map { CentreForm.KindCode(kind: kind, code: $0) }
        }
        var byBranch: [String: CentreForm.Value] = [:]
        for (key, value) in pairs {
            if let code = code(value, diagnostics) { byBranch[key.text ?? ""] = code }
        }
        // An entrapment with a branch that the form does not list is an entrapment all the same.
        guard let otherwise = byBranch.removeValue(forKey: "otherwise") else {
            diagnostics.report(node, "'otherwise' is missing: the code of every other branch")
            return nil
        }
        return CentreForm.KindCode(kind: kind, code: otherwise, byBranch: byBranch)
    }

    /// `success: { field: code, equals: 0 }`, or `equals: [0, 200]`.
    private static func success(_ node: YAMLNode, _ diagnostics: Diagnostics) -> CentreForm.Success?
    {
        var reader = YAMLReader(
            node, diagnostics, expected: "a mapping with 'field:' and 'equals:'")
        defer { reader.finish() }
        guard let field = reader.requiredText("field"), let equals = reader.required("equals")
        else { return nil }
        let nodes = if case .sequence(let items) = equals.content { items } else { [equals] }
        return CentreForm.Success(field: field, values: nodes.compactMap { code($0, diagnostics) })
    }

    private static func code(_ node: YAMLNode, _ diagnostics: Diagnostics) -> CentreForm.Value? {
        guard case .scalar(let text, let isPlain) = node.content, !text.isEmpty else {
            diagnostics.report(
                node, "found \(node.summary), expected a code: a number, or a text in quotes")
            return nil
        }
        if isPlain, let number = Double(text), number.isFinite { return .number(number) }
        return .text(text)
    }

    private static func source(_ node: YAMLNode, _ diagnostics: Diagnostics) -> CentreForm.Source? {
        var reader = YAMLReader(
            node, diagnostics,
            expected:
                "{ from: MEMBER, otherwise: MEMBER }, { code: kind }, { code: state } or { if: MEMBER, begins: …, then: …, else: … }"
        )
        defer { reader.finish() }
        if let member = reader.text("from") {
            return .member(member, otherwise: reader.text("otherwise"))
        }
        switch reader.text("code") {
        case "kind": return .kindCode
        case "state": return .stateCode
        case let other?:
            diagnostics.report(node, "found the code '\(other)', expected kind or state")
            return nil
        case nil: break
        }
        guard let member = reader.requiredText("if"), let beginning = reader.requiredText("begins"),
            let yes = reader.required("then").flatMap({ code($0, diagnostics) }),
            let no = reader.required("else").flatMap({ code($0, diagnostics) })
        else { return nil }
        return .choice(member: member, beginning: beginning, then: yes, else: no)
    }
}
