import Encoding

/// HTML and SVG as text, with everything that comes from outside escaped.
struct Markup {
    private(set) var text = ""

    /// An element with what is in it.
    mutating func element(
        _ name: String, _ attributes: KeyValuePairs<String, String> = [:], _ body: (inout Markup) -> Void = { _ in }
    ) {
        text += "<\(name)"
        for (key, value) in attributes { text += " \(key)=\"\(value.escapedForMarkup)\"" }
        text += ">"
        body(&self)
        text += "</\(name)>"
    }

    mutating func element(_ name: String, _ attributes: KeyValuePairs<String, String> = [:], _ words: String) {
        element(name, attributes) { $0.write(words) }
    }

    mutating func write(_ words: String) { text += words.escapedForMarkup }

    mutating func element(_ name: String, _ words: String) { element(name, [:], words) }

    mutating func table(_ head: [String], _ rows: [[String]], numbersFrom first: Int = 1) {
        element("div", ["class": "wide"]) {
            $0.element("table") { table in
                table.element("tr") { row in
                    for (place, cell) in head.enumerated() {
                        row.element("th", ["class": place >= first ? "number" : ""], cell)
                    }
                }
                for cells in rows {
                    table.element("tr") { row in
                        for (place, cell) in cells.enumerated() {
                            row.element("td", ["class": place >= first ? "number" : ""], cell)
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
