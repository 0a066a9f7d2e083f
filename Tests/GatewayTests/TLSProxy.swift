import Foundation

@testable import hoistway_sim

/// TLS in front of a test's plain server, by Python's `ssl`: it passes all bytes from one port to
/// another.
final class TLSProxy {
    let port: Int
    private let process: ChildProcess

    init(to plain: Int, _ certificates: Certificates) throws {
        port = try FreePort.find()
        let script = """
            import socket, ssl, threading
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain("\(certificates.path("centre.crt"))", "\(certificates.path("centre.key"))")
            listener = socket.create_server(("127.0.0.1", \(port)))
            def pump(source, sink):
                try:
                    while data := source.recv(1 << 16): sink.sendall(data)
                except OSError: pass
                for end in source, sink:
                    try: end.shutdown(socket.SHUT_RDWR)
                    except OSError: pass
            def serve(raw):
                try: front = context.wrap_socket(raw, server_side=True)
                except OSError: return
                back = socket.create_connection(("127.0.0.1", \(plain)))
                threading.Thread(target=pump, args=(front, back), daemon=True).start()
                pump(back, front)
            while True: threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()
            """
        process = try ChildProcess(["python3", "-c", script], log: certificates.path("proxy.log"))
    }

    deinit { process.end() }
}
