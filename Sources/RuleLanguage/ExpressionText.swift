import LiftModel

extension Expression {
    /// The expression as rule files write it, with the parentheses it needs.
    package var text: String { text(binding: 0) }

    /// - Parameter strength: that of the surrounding operator; a looser operator inside needs
    ///   parentheses.
    private func text(binding strength: Int) -> String {
        func joined(_ symbol: String, _ a: Expression, _ b: Expression, _ own: Int) -> String {
            let inner = a.text(binding: own) + " \(symbol) " + b.text(binding: own + 1)
            return own < strength ? "(\(inner))" : inner
        }
        switch form {
        case .name(let name): return name
        case .number(let number):
            return number == number.rounded() ? String(Int(number)) : String(number)
        case .duration(let duration): return duration.written
        case .window(let low, let high): return low.text + ".." + (high?.text ?? "")
        case .text(let text): return "\"\(text)\""
        case .set(let items): return "{" + items.map(\.text).joined(separator: ", ") + "}"
        case .call(let name, let arguments):
            return name + "(" + arguments.map(\.text).joined(separator: ", ") + ")"
        case .not(let a):
            return strength > 4 ? "(not \(a.text(binding: 4)))" : "not \(a.text(binding: 4))"
        case .implies(let a, let b): return joined("implies", a, b, 1)
        case .or(let a, let b): return joined("or", a, b, 2)
        case .and(let a, let b): return joined("and", a, b, 3)
        case .compare(let comparison, let a, let b): return joined(comparison.rawValue, a, b, 5)
        case .member(let a, let b): return joined("in", a, b, 5)
        case .arithmetic(let operation, let a, let b):
            return joined(
                operation.rawValue, a, b, operation == .add || operation == .subtract ? 6 : 7)
        }
    }
}
