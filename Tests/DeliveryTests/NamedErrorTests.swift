import Testing

@testable import Delivery

/// An error in the body of a 2xx is detected; a success in any of the usual forms is no error.
@Suite struct NamedErrorTests {
    @Test(arguments: [
        (#"{"code":500,"msg":"db down"}"#, #""code": 500"#),
        (#"{"code":"E01"}"#, #""code": "E01""#),
        (#"{"success":false}"#, #""success": false"#),
        (#"{"error":"no such device"}"#, #""error": "no such device""#),
        (#"{"errors":["x"]}"#, #""errors": …"#), (#" {"ErrCode":1,"data":{}}"#, #""ErrCode": 1"#),
        (#"{"status":"failed"}"#, #""status": "failed""#), (#"{"ok":0}"#, #""ok": 0"#),
        (#"{"ret":-1,"errmsg":"unknown device"}"#, #""ret": -1"#),
        (#"{"ret":"1"}"#, #""ret": "1""#),
        (#"{"result":false}"#, #""result": false"#), (#"{"result":"FAIL"}"#, #""result": "FAIL""#),
        (#"{"state":"ERROR"}"#, #""state": "ERROR""#), (#"{"errno":17}"#, #""errno": 17"#),
        (#"{"errcode":40001}"#, #""errcode": 40001"#), (#"{"status":false}"#, #""status": false"#),
        (#"{"err":-1}"#, #""err": -1"#), (#"{"ok":"failed"}"#, #""ok": "failed""#),
        (#"{"state":"NOK"}"#, #""state": "NOK""#), (#"{"code":404}"#, #""code": 404"#),
    ])
    func whatNamesAnError(_ body: String, _ member: String) {
        #expect(NamedError.member(of: Array(body.utf8)) == member)
    }

    @Test(arguments: [
        "", "OK", "<html>login</html>", "[]", #"{"id":"7bb35833/1"}"#,
        #"{"code":0,"msg":"success"}"#,
        #"{"code":"200"}"#,
        #"{"success":true,"error":null,"errors":[]}"#, #"{"status":"ok","code":200}"#,
        #"{"error":""}"#,
        #"{"status":"stored"}"#, #"{"code":"queued"}"#, #"{"status":"received","error":"none"}"#,
        #"{"ids":["a"],"refused":[],"words":[]}"#, #"{"ret":0}"#, #"{"ret":200,"data":{}}"#,
        #"{"result":"success"}"#, #"{"result":"SUCCESS","errno":0}"#, #"{"state":"OK"}"#,
        #"{"result":"7bb35833-02"}"#, #"{"result":{"id":1}}"#, #"{"result":true}"#,
        #"{"state":"transferred"}"#, #"{"status":202}"#, #"{"ok":true,"err":null}"#,
        #"{"success":"ok"}"#,
    ])
    func whatNamesNone(_ body: String) { #expect(NamedError.member(of: Array(body.utf8)) == nil) }
}
