import LiftModel

/// The nodes and rules to evaluate, one bit each.
package struct Agenda: Sendable {
    var words: [UInt64]

    package init(_ program: Program) { words = Array(repeating: 0, count: program.agendaSize) }

    mutating func mark(_ index: Int32) { words[Int(index) >> 6] |= 1 << UInt64(index & 63) }
    /// A rule of the program is evaluated in the next step.
    package mutating func mark(rule: Int, of program: Program) {
        mark(Int32(program.nodes.count + rule))
    }
    /// Every `silent(…)` is evaluated in the next step.
    package mutating func markSilences(of program: Program) {
        for index in program.silences { mark(index) }
    }
}
