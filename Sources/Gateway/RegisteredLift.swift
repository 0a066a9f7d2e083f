import LiftModel
import PositionedYAML

/// One lift as the configuration writes it: its id alone, or a mapping.
extension Configuration.RegisteredLift {
    /// `[-2, 18]`: the lowest and the highest floor, as the controller counts them.
    private static func floors(_ node: YAMLNode?, _ diagnostics: Diagnostics) -> ClosedRange<Int>? {
        guard let node else { return nil }
        guard case .sequence(let ends) = node.content, ends.count == 2,
            let low = ends[0].text.flatMap({ Int($0) }),
            let high = ends[1].text.flatMap({ Int($0) }), low < high, -100...400 ~= low,
            -100...400 ~= high
        else {
            diagnostics.report(
                node,
                "found \(node.summary), expected the lowest and the highest floor, such as [-1, 18]"
            )
            return nil
        }
        return low...high
    }

    /// A number. Many people write a decimal comma, which YAML takes for the end of a value.
    private static func decimal(
        _ key: String, _ reader: inout YAMLReader, _ diagnostics: Diagnostics
    ) -> Double? {
        guard let node = reader.optional(key), let text = node.text, text.contains(",") else {
            return reader.number(key)
        }
        let point = String(text.map { $0 == "," ? "." : $0 })
        diagnostics.report(
            node,
            "found '\(text)', expected a number\(Double(point) == nil ? "" : " with a decimal point: \(point)")"
        )
        return nil
    }

    /// In braces `1,75` is the value 1 and a key 75 without a value.
    private static func hintsOfDecimalCommas(in node: YAMLNode) -> [String: String] {
        guard case .mapping(let pairs) = node.content else { return [:] }
        var hints: [String: String] = [:]
        for (before, pair) in zip(pairs, pairs.dropFirst()) {
            guard let digits = pair.key.text, digits.allSatisfy(\.isNumber),
                let whole = before.value.text,
                Int(whole) != nil
            else { continue }
            hints[digits] = "Write a decimal point: \(before.key.text ?? ""): \(whole).\(digits)"
        }
        return hints
    }

    init?(_ node: YAMLNode, defaultProfile: String, _ diagnostics: Diagnostics) {
        self.node = node
        profileNode = node
        // A scalar is a lift of which only the id is known.
        if let id = node.text, case .scalar = node.content {
            lift = Lift(id: id, registrationCode: id)
            profile = defaultProfile
        } else {
            var reader = YAMLReader(
                node, diagnostics, expected: "a lift's id, or a mapping with 'id:'")
            guard let id = reader.requiredText("id") else { return nil }
            lift = Lift(
                id: id, registrationCode: reader.text("registration_code"),
                rescueCode: reader.text("rescue_code"),
                place: reader.text("place"),
                equipmentClass: reader.choice("equipment", EquipmentClass.self) ?? .traction,
                ratedSpeed: Self.decimal("rated_speed", &reader, diagnostics),
                floors: Self.floors(reader.optional("floors"), diagnostics))
            let travelTime = reader.duration("travel_time")
            if let travelTime, let travelTimeNode = reader.optional("travel_time"),
                !(.seconds(1) ... .seconds(600) ~= travelTime)
            {
                diagnostics.report(
                    travelTimeNode, "travel_time: found \(travelTime.written), expected 1s to 10m")
            }
            lift.runTimeLimit =
                reader.duration("run_time_limit") ?? travelTime.map(Lift.runTimeLimit(travelTime:))
            profile = reader.text("profile") ?? defaultProfile
            if let node = reader.optional("profile") { profileNode = node }
            reader.finish(hints: Self.hintsOfDecimalCommas(in: node))
        }
        if let limit = lift.runTimeLimit, !(.seconds(5) ... .seconds(600) ~= limit) {
            diagnostics.report(node, "run_time_limit: found \(limit.written), expected 5s to 600s")
        }
        if let speed = lift.ratedSpeed, !(0.05...30 ~= speed) {
            diagnostics.report(
                node, "rated_speed: found \(speed), expected metres per second between 0.05 and 30")
        }
        for (what, name) in [
            ("the lift's id", lift.id), ("registration_code", lift.registrationCode),
            ("rescue_code", lift.rescueCode),
        ] {
            // A lift with nothing but an id has the same registration code.
            guard let name, what == "the lift's id" || name != lift.id else { continue }
            if let stray = WrittenName.strayCharacter(in: name) {
                diagnostics.report(node, "\(what) '\(name)': \(stray)")
                return nil
            }
        }
        if !Configuration.isTopicLevel(lift.id) {
            diagnostics.report(
                node,
                "the lift's id '\(lift.id)' must be one level of a topic: no '/', '+', '#' or space"
            )
            return nil
        }
    }
}
