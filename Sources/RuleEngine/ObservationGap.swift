import LiftModel

extension Program {
    /// Applies each rule's `gap` policy to the holds in progress, after a gap in the observation of
    /// the lift.
    package func crossGap(_ gap: Int64, until end: Int64, _ memory: inout LiftMemory) {
        var m = memory.words.mutableSpan
        for (index, rule) in rules.enumerated() {
            let alertState = alertState(index)
            let isOpen = alertState.isOpen(m)
            // A confirmed alert has no hold in progress.
            if alertState.phase(m.span) == .final { continue }
            let policy = rule.head.gap
            for i in rule.branches.indices {
                let own = alertState.branch(i)
                guard
                    own.whenSince(m.span) != LiftMemory.never
                        || isOpen && alertState.stands(on: i, m.span)
                else {
                    continue
                }
                own.setUnobserved(own.unobserved(m.span) &+ gap, &m)
                if policy == .continue { continue }
                // The rule's timer may now be early: then it is checked, and set again.
                let since = isOpen ? own.escalatingSince(m.span) : own.whenSince(m.span)
                if since == LiftMemory.never { continue }
                let moved = policy == .restart ? end : since &+ gap
                if isOpen { own.setEscalatingSince(moved, &m) } else { own.setWhenSince(moved, &m) }
            }
        }
    }
}
