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
}
