import Foundation
import Synchronization
import Testing

@testable import Journal

/// Writers of one journal take turns: first come, first served, and none waits beyond its limit.
@Suite struct WriteTurnTests {
    private final class Record: Sendable {
        let order = Mutex<[Int]>([])
        let inside = Mutex(0)
        let ended = DispatchSemaphore(value: 0)
    }
    private let turn = WriteTurn.of("/\(UUID().uuidString)")
    private let record = Record()

    /// Takes a turn on a thread of its own.
    private func write(_ number: Int, within limit: Duration? = nil, for seconds: Double = 0) {
        Thread.detachNewThread { [turn, record] in
            let hadTurn = turn.take(within: limit) {
                let others = record.inside.withLock { inside in
                    defer { inside += 1 }
                    return inside
                }
                Thread.sleep(forTimeInterval: seconds)
                record.inside.withLock { $0 -= 1 }
                record.order.withLock { $0.append(others == 0 ? number : -1) }
            }
            if !hadTurn { record.order.withLock { $0.append(1000 + number) } }
            record.ended.signal()
        }
    }

    private func order(of count: Int) -> [Int] {
        for _ in 0..<count { record.ended.wait() }
        return record.order.withLock { $0 }
    }

    @Test func whoComesFirstIsServedFirst() {
        write(0, for: 0.5)
        for number in 1...5 {
            Thread.sleep(forTimeInterval: 0.05)
            write(number)
        }
        #expect(order(of: 6) == [0, 1, 2, 3, 4, 5])
    }

    @Test func whoWaitsTooLongLeavesTheLineAndTheOthersGoOn() {
        write(0, for: 0.6)
        Thread.sleep(forTimeInterval: 0.05)
        write(1, within: .milliseconds(50))
        Thread.sleep(forTimeInterval: 0.05)
        write(2)
        #expect(order(of: 3) == [1001, 0, 2])
        write(3)
        #expect(order(of: 1).last == 3, "the turn is free again")
    }

    @Test func twoNeverWriteAtOnce() {
        for number in 0..<40 { write(number, for: 0.001) }
        let found = order(of: 40)
        #expect(Set(found) == Set(0..<40), "\(found)")
    }
}
