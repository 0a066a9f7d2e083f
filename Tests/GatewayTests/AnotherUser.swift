import Foundation
import Testing

@testable import Gateway

/// The user without rights whose rights tests take on, like the service's user.
enum AnotherUser {
    static let id: uid_t = 65534
    static let name = "nobody"

    /// - Parameter paths: the paths that this user must be able to read, through all the folders
    ///   above.
    static func canRead(_ paths: String...) -> Bool {
        getuid() == 0 && paths.allSatisfy { ServiceUser(named: name)?.canRead($0) == true }
    }
}

extension Trait where Self == ConditionTrait {
    /// For tests that read files in /tmp as another user: only for root, and not in a chroot with a
    /// closed root.
    static var asAnotherUser: Self {
        .enabled(
            if: AnotherUser.canRead("/tmp"),
            "only root can look as another user, where that user may enter /tmp")
    }
}
