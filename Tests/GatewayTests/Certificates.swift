import Foundation

@testable import hoistway_sim

/// Certificates for a test: an authority, a centre, a box, and some that must be refused.
struct Certificates {
    let folder: String

    /// - Parameter parent: the folder for the files.
    init(in parent: String = NSTemporaryDirectory()) throws {
        folder = parent + "/hoistway-tls-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        let script = """
            set -e; cd \(folder)
            openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30 -subj /CN=authority -keyout ca.key -out ca.crt
            issue() { openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=$1 -keyout $1.key -out $1.csr
              printf 'subjectAltName=IP:127.0.0.1,DNS:localhost' >$1.ext; }
            for name in centre box; do issue $name; openssl x509 -req -in $name.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 30 -extfile $name.ext -out $name.crt; done
            mkdir -p authority; : >authority/index.txt; echo 01 >authority/serial
            printf '[ca]\\ndefault_ca=d\\n[d]\\ndatabase=authority/index.txt\\nserial=authority/serial\\nnew_certs_dir=authority\\ndefault_md=sha256\\npolicy=p\\ncertificate=ca.crt\\nprivate_key=ca.key\\n[p]\\ncommonName=supplied\\n' >ca.conf
            issue expired; openssl ca -batch -config ca.conf -extfile expired.ext -startdate 20200101000000Z -enddate 20200201000000Z -in expired.csr -out expired.crt -notext
            openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30 -subj /CN=stranger -keyout stranger-ca.key -out stranger-ca.crt
            issue stranger; openssl x509 -req -in stranger.csr -CA stranger-ca.crt -CAkey stranger-ca.key -CAcreateserial -days 30 -extfile stranger.ext -out stranger.crt
            issue elsewhere; printf 'subjectAltName=DNS:elsewhere.example' >elsewhere.ext
            openssl x509 -req -in elsewhere.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 30 -extfile elsewhere.ext -out elsewhere.crt
            openssl pkey -in box.key -aes256 -passout pass:secret -out locked.key
            issue forever; openssl ca -batch -config ca.conf -extfile forever.ext -startdate 20200101000000Z -enddate 99991231235959Z -in forever.csr -out forever.crt -notext
            issue future; openssl ca -batch -config ca.conf -extfile future.ext -startdate 20900101000000Z -enddate 20910101000000Z -in future.csr -out future.crt -notext
            """
        let maker = try ChildProcess(["/bin/sh", "-c", script], log: folder + "/log")
        while maker.isRunning { usleep(20_000) }
        guard maker.outcome == 0 else {
            throw OutputError(
                path: folder,
                reason: (try? String(contentsOfFile: folder + "/log", encoding: .utf8)) ?? "")
        }
    }
    /// A certificate of the authority's with an RSA key, `rsa.crt` and `rsa.key`.
    func addRSA() throws {
        let script = """
            set -e; cd \(folder); openssl req -newkey rsa:2048 -nodes -subj /CN=rsa -keyout rsa.key -out rsa.csr
            openssl x509 -req -in rsa.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 30 -extfile centre.ext -out rsa.crt
            """
        let maker = try ChildProcess(["/bin/sh", "-c", script], log: folder + "/log")
        while maker.isRunning { usleep(20_000) }
        guard maker.outcome == 0 else {
            throw OutputError(path: folder, reason: "no RSA certificate")
        }
    }
    func path(_ name: String) -> String { folder + "/" + name }
}
