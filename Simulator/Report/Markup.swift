import Encoding

/// HTML and SVG as text. Everything from outside is escaped.
struct Markup {
    private(set) var text = ""

    /// An element with its content.
    mutating func element(
        _ name: String, _ attributes: KeyValuePairs<String, String> = [:],
        _ body: (inout Markup) -> Void = { _ in }
    ) {
        text += "<\(name)"
        for (key, value) in attributes { text += " \(key)=\"\(value.escapedForMarkup)\"" }
        text += ">"
        body(&self)
        text += "</\(name)>"
    }

    mutating func element(
        _ name: String, _ attributes: KeyValuePairs<String, String> = [:], _ text: String
    ) {
        element(name, attributes) { $0.write(text) }
    }

    mutating func write(_ content: String) { text += content.escapedForMarkup }

    mutating func element(_ name: String, _ text: String) { element(name, [:], text) }

    mutating func table(_ head: [String], _ rows: [[String]], numbersFrom first: Int = 1) {
        element("div", ["class": "wide"]) {
            $0.element("table") { table in
                table.element("tr") { row in
                    for (index, cell) in head.enumerated() {
                        row.element("th", ["class": index >= first ? "number" : ""], cell)
                    }
                }
                for cells in rows {
                    table.element("tr") { row in
                        for (index, cell) in cells.enumerated() {
                            row.element("td", ["class": index >= first ? "number" : ""], cell)
                        }
                    }
                }
            }
        }
    }
}

extension Double {
    /// A coordinate.
    var point: String { String((self * 10).rounded() / 10) }
}
