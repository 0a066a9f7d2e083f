import Journal
import LiftModel

/// A damaged journal that was set aside: a file beside the new journal, with the time in its name.
/// The file itself is the record of the damage; a person who has dealt with it moves it away.
struct SetAsideJournal {
    /// Long enough for a weekly visit.
    static let shownFor = Duration.seconds(7 * 86_400)

    var file: String
    /// When it was set aside, by this box's clock.
    var at: Instant

    /// The newest one beside a journal; nil where there is none.
    /// - Throws: `Folder.Problem` where this user may not look.
    static func newest(beside journal: String) throws(Folder.Problem) -> SetAsideJournal? {
        let (path, name) = Folder.split(journal)
        return try Folder(path).names().compactMap { file in
            Journal.timeOfSettingAside(file, of: name).map {
                SetAsideJournal(file: path + "/" + file, at: $0)
            }
        }.max { $0.at < $1.at }
    }

    /// For the status; nil where it was long ago, or lies in the future.
    func shown(at now: Instant) -> Condition.LostJournal? {
        let age = now - at
        return age >= .zero && age < Self.shownFor
            ? Condition.LostJournal(age: age, file: file) : nil
    }
}
