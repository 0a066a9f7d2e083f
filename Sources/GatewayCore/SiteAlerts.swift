import Journal
import LiftModel
import Monitoring

/// The gateway's alerts about itself. They are no part of the detector's state: a restart resumes
/// them from the journal.
struct SiteAlerts {
    var brokerLost: SiteAlert
    var brokerQoSZero: SiteAlert
    var clientIDTaken: SiteAlert
    var diskFailing: SiteAlert
    var selfTestFailed: SiteAlert

    /// - Parameter stored: the latest revisions of alerts about the site.
    init(_ origin: AlertOrigin, resuming stored: [Journal.StoredAlert]) {
        func alert(_ kind: GatewayKind, _ en: String, _ zh: String) -> SiteAlert {
            var alert = SiteAlert(origin, kind, title: Title(en: en, zh: zh))
            alert.resume(stored, kind)
            return alert
        }
        brokerLost = alert(
            .brokerLost, "The gateway hears no lift: the building's broker is out of reach",
            "网关与楼内消息服务器断开")
        brokerQoSZero = alert(
            .brokerQoSZero,
            "What the lifts say while the gateway is away is lost: the building's broker gives no QoS 1",
            "楼内消息服务器不提供QoS 1,网关离线期间的消息将丢失")
        clientIDTaken = alert(
            .clientIDTaken,
            "Another client of the building's broker uses the gateway's client id: messages of lifts are lost",
            "楼内消息服务器上另有客户端使用网关的客户端标识,电梯消息会丢失")
        diskFailing = alert(
            .diskFailing, "The gateway's disk fails: what it does not take goes out from memory",
            "网关磁盘写入失败,未写入的告警由内存发出")
        selfTestFailed = alert(.selfTestFailed, "The gateway's self-test failed", "网关自检失败")
    }

    /// The open ones.
    var open: [OpenAlert] {
        [brokerLost, brokerQoSZero, clientIDTaken, diskFailing, selfTestFailed].compactMap(\.view)
    }
}
