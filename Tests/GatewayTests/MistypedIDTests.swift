import Testing

@testable import Gateway

/// A person who has mistyped an id of twenty digits learns which one was meant.
@Suite struct MistypedIDTests {
    private static let one = "31104401062020010001"
    private static let two = "31104401062020010002"

    @Test(arguments: [
        ("lifts/31104401062020010001/state", "3110440106202001001"),
        ("lifts/31104401062020010001/state", "31104401062020010010"),
        ("acme/v1/31104401062020010001", "3110440106202001000l"),
        ("lifts/31104401062020010001/state", "311044010620200100011"),
        ("lifts/31104401062020010001/state", "31104401026020010001"),
    ])
    func aTopicNamesTheUnheardIdThatIsNearlyItsOwn(_ topic: String, _ id: String) {
        #expect(MistypedID.meant(by: topic, among: ["another", id]) == id)
    }

    @Test func noIdIsMeantThatIsHeardOrShortOrFar() {
        #expect(MistypedID.meant(by: "lifts/\(Self.one)/state", among: []) == nil)
        #expect(MistypedID.meant(by: "lifts/1/state", among: ["2"]) == nil)
        #expect(
            MistypedID.meant(by: "lifts/\(Self.one)/state", among: ["31104401062020999999"]) == nil)
    }

    @Test(arguments: [
        ("31104401062010010001", "31104401062020010002"),
        ("31104401062020010001", "31104401062020010100"),
        ("31104401062020010001", "31104401062020010023"),
        ("31104401062020010001", "311044010620200100"),
        ("31104401062020010001", "11304401062020010001"),
    ])
    func anIdWithTwoDifferencesIsAnotherLift(_ sent: String, _ id: String) {
        #expect(MistypedID.meant(by: "lifts/\(sent)/state", among: [id]) == nil)
    }

    @Test func theRowSaysWhichIdToCorrect() {
        var condition = ConditionTests.well()
        condition.unregistered = [
            Condition.UnregisteredTopic(
                topic: "lifts/\(Self.one)/state", messages: 3, meant: "3110440106202001001")
        ]
        #expect(
            condition.unregisteredCheck.advice?.hasPrefix(
                "Did you mean it by '3110440106202001001' in the configuration,") == true)
        condition.unregistered[0].meant = nil
        #expect(condition.unregisteredCheck.advice?.hasPrefix("Add the lift") == true)
    }

    @Test(arguments: [
        ([Self.one, "3110440106202001002"], ["3110440106202001002"]),
        ([Self.one, Self.two, "311044010620200100003"], ["311044010620200100003"]),
        ([Self.one, "3110440106202001000l"], ["3110440106202001000l"]),
        ([Self.one, Self.two], []), ([Self.one], []), (["9", "10"], []),
        (["TOWERA-001", "TOWERA-02"], []), ([Self.one, "4711"], []),
    ])
    func anIdOfAnotherFormThanTheOthersIsDoubtful(_ ids: [String], _ doubtful: [String]) {
        #expect(MistypedID.doubtful(ids).map(\.id) == doubtful)
    }

    /// The same by each id's others, as the form is described: it takes the square of their number.
    private static func byTheOthers(_ ids: [String]) -> [String] {
        func isNumber(_ id: String) -> Bool { id.allSatisfy { $0.isASCII && $0.isNumber } }
        return ids.indices.filter { index in
            let (id, others) = (ids[index], ids.indices.filter { $0 != index }.map { ids[$0] })
            guard let length = others.first?.count, id.count >= MistypedID.shortest,
                others.allSatisfy({ $0.count == length && isNumber($0) })
            else { return false }
            if isNumber(id) {
                return id.count == length - 1 || id.count == length + 1 && ids.count > 2
            }
            let letters = id.filter { !isNumber(String($0)) }
            return id.count == length && letters.count == 1 && "lIOo".contains(letters)
        }.map { ids[$0] }
    }

    @Test func eachIdIsComparedWithTheFormOfAllOthers() {
        let forms = [
            Self.one, Self.two, "3110440106202001003", "311044010620200100004",
            "3110440106202001000l", "3110440106202O010005", "TOWERA-001", "9",
        ]
        var lists: [[String]] = [[]]
        for _ in 0..<4 {
            lists = lists.flatMap { list in forms.map { list + [$0] } }
            for ids in lists {
                #expect(MistypedID.doubtful(ids).map(\.id) == Self.byTheOthers(ids), "\(ids)")
            }
        }
    }

    @Test func tenThousandIdsAreEachLookedAtOnce() {
        // By comparing each with all others this takes minutes.
        let ids = (0..<10_000).map { String(31_104_401_062_020_000 + $0) } + ["3110440106202001"]
        #expect(MistypedID.doubtful(ids).map(\.id) == ["3110440106202001"])
    }
}
