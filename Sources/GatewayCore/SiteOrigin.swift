import Contract
import Monitoring

extension AlertEvent.Site {
    /// The origin of this site's alerts.
    package var origin: AlertOrigin {
        AlertOrigin(site: id, journal: journal ?? AlertOrigin.replayed)
    }
}
