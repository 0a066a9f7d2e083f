import Foundation

@testable import hoistway_sim

/// A port that neither takes nor refuses a caller.
struct BlackHole {
    let port: Int
    private var sockets: [Int32] = []

    init() throws {
        port = try FreePort.find()
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(port).bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        func call(_ function: (Int32, UnsafePointer<sockaddr>, socklen_t) -> Int32, _ socket: Int32) {
            withUnsafePointer(to: &address) {
                $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    _ = function(socket, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
                }
            }
        }
        let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        call(bind, listener)
        guard listen(listener, 0) == 0 else { throw POSIXError(.EADDRINUSE) }
        sockets = [listener]
        for _ in 0..<4 {
            let caller = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue), 0)
            call(connect, caller)
            sockets.append(caller)
        }
    }

    func close() { for socket in sockets { Foundation.close(socket) } }
}
