import Contract
import HTTP

/// What the body of a 2xx says, beside that the 2xx is a receipt: refusals and centre commands
/// (`CentreAnswer`), or something that a technician must see.
struct SuccessBody {
    private(set) var answer = CentreAnswer()
    /// For a technician; the 2xx is a receipt all the same.
    private(set) var remark: String?
    /// Why a refusal in it cannot be read: no event of the request counts as stored.
    private(set) var unreadableRefusal: String?
    /// The body names commands and cannot be read.
    private(set) var refusedCommand: RefusedCommand?
    /// The body is meant as an answer and cannot be read.
    private(set) var mistake: String?

    /// - Parameters:
    ///   - mayNameError: whether a member that names an error is remarked on.
    ///   - url: the centre's, for the remark.
    init(
        _ response: HTTPClient.Response, _ settings: RouteSettings, mayNameError: Bool, url: String
    ) {
        guard response.body.contains(where: { $0 > 32 }) else { return }
        do throws(CentreAnswer.Problem) {
            answer = try CentreAnswer(response.body, settings.commandRequirements)
            if mayNameError { remark = NamedError.remark(on: response.body) }
            if answer.hasUnreadableRefusal { unreadableRefusal = answer.problems.last ?? "" }
        } catch {
            if error.namesRefusal {
                unreadableRefusal = error.description
                return
            }
            remark = ForeignBody.remark(on: response, from: url)
            if error.namesCommands {
                refusedCommand = RefusedCommand(error.description)
            } else if remark == nil, !ForeignBody.saysYes(response.body) {
                mistake = error.description
            }
        }
    }
}
