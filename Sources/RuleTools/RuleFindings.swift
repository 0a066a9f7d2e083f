import LiftModel
import PositionedYAML
import RuleEngine
import RuleLanguage

extension RuleSet {
    /// What is allowed but hardly intended: conditions that never or always hold, kinds that two
    /// rules raise.
    public func findings() -> [Diagnostic] {
        if rules.isEmpty {
            return [
                Diagnostic(file: "rules", message: "there are no rules: no alert will be raised")
            ]
        }
        var found = doubleKinds()
        let everything = LiftKind(
            provides: Set(Signal.allCases), staleAfter: .seconds(60), equipment: .traction)
        for (_, branch, name) in allBranches {
            guard let (nodes, signals, when) = condition(of: branch, everything) else { continue }
            var search = Satisfiability(nodes, signals)
            if !search.canBe(true, when) {
                found.append(branch.when.node.diagnostic("'\(name)': this can never be true"))
            } else if !search.canBe(false, when) {
                found.append(branch.when.node.diagnostic("'\(name)': this is always true"))
            }
        }
        return found
    }

    /// The same for lifts of one kind: rules that cannot fire because the profile lacks a signal,
    /// or that are faster than its reports.
    public func findings(for kind: LiftKind, named profile: String) -> [Diagnostic] {
        var found: [Diagnostic] = []
        for (rule, branch, name) in allBranches where rule.equipment.contains(kind.equipment) {
            guard let (nodes, signals, when) = condition(of: branch, kind) else { continue }
            var search = Satisfiability(nodes, signals)
            if !search.canBe(true, when) {
                var names: Set<String> = []
                collectNames(branch.when.expression, &names)
                let missing = signals.entries.filter { entry in
                    !entry.isProvided
                        && (names.contains(entry.name)
                            || names.contains(SignalTable.family(of: entry.name)))
                }.map(\.name)
                if missing.isEmpty { continue }
                found.append(
                    branch.when.node.diagnostic(
                        "'\(name)' can never fire for \(profile), which has no \(missing.joined(separator: ", "))"
                    ))
            } else if let period = kind.reportsEvery, branch.hold > .zero, branch.hold < period {
                found.append(
                    branch.when.node.diagnostic(
                        "'\(name)': its hold of \(branch.hold.written) is shorter than the \(period.written) between two reports of \(profile): one report decides it"
                    ))
            }
        }
        return found
    }

    /// Every branch of every rule, with a name for messages.
    private var allBranches: [(rule: RuleDefinition, branch: RuleDefinition.Branch, name: String)] {
        rules.flatMap { rule in
            rule.branches.map {
                (rule, $0, rule.branches.count == 1 ? rule.name : "\(rule.name), \($0.name)")
            }
        }
    }

    private func condition(
        of branch: RuleDefinition.Branch, _ kind: LiftKind
    ) -> (nodes: [Node], signals: SignalTable, when: Operand)? {
        let table = SignalTable(provided: kind.provides)
        var compiler = compiler(for: kind)
        // The rules were compiled when they were read; an error here was reported then.
        guard let when = try? compiler.condition(branch.when.expression) else { return nil }
        return (compiler.unprovidedAsUnknown(), table, when)
    }

    private func doubleKinds() -> [Diagnostic] {
        var first: [String: String] = [:]
        var found: [Diagnostic] = []
        for rule in rules {
            if let other = first[rule.kind] {
                found.append(
                    rule.node.diagnostic(
                        "'\(rule.name)' raises the kind '\(rule.kind)', as '\(other)' does: a centre cannot tell them apart"
                    ))
            }
            first[rule.kind] = first[rule.kind] ?? rule.name
        }
        return found
    }
}

extension Compiler {
    /// The nodes, with those of signals that a lift does not have replaced by a constant unknown.
    fileprivate func unprovidedAsUnknown() -> [Node] {
        var nodes = nodes
        func isUnknown(_ operand: Operand) -> Bool {
            operand != .none && nodes[operand.node].operation == .constant
                && nodes[operand.node].constant == UInt64(Kleene.unknown.rawValue)
        }
        func isUnprovided(_ operand: Operand) -> Bool {
            if operand == .none { return false }
            let node = nodes[operand.node]
            return switch node.operation {
            case .signalNumber: !signals.entries[Int(node.signal)].isProvided
            case .today, .usual: isUnknown(node.b)
            default: false
            }
        }
        for i in nodes.indices {
            switch nodes[i].operation {
            case .signal, .signalIsKnown, .codesAny, .codesAll:
                if signals.entries[Int(nodes[i].signal)].isProvided { continue }
                nodes[i] = Node(operation: .constant, constant: UInt64(Kleene.unknown.rawValue))
            case .compare, .isOneOf:
                guard isUnprovided(nodes[i].a) || isUnprovided(nodes[i].b) else { continue }
                nodes[i] = Node(operation: .constant, constant: UInt64(Kleene.unknown.rawValue))
            case .count, .countWhere, .since, .sinceWithin, .sinceBetween, .ever, .rise, .last,
                .latched, .unanswered:
                // An operand that is always unknown never triggers them.
                let looked =
                    nodes[i].operation == .rise || nodes[i].operation == .last
                    ? nodes[i].a : nodes[i].b
                guard
                    isUnknown(looked)
                        || nodes[i].operation == .countWhere && isUnprovided(nodes[i].a)
                else {
                    continue
                }
                nodes[i] = Node(operation: .constant, constant: UInt64(Kleene.unknown.rawValue))
            default: break
            }
        }
        return nodes
    }
}
