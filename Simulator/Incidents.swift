/// What goes wrong, and what only looks so. Each plays out on the physical car; what the panel shows follows from it.
extension SimulatedLift {
    func play(_ kind: Scenario.Incident) {
        switch kind {
        case .stuckOffLevel: stuckOffLevel(withPeople: true)
        case .stuckOffLevelEmpty: stuckOffLevel(withPeople: false)
        case .doorJamsShut: doorJams(ajar: false)
        case .doorJamsAjar: doorJams(ajar: true)
        case .powerCutInRun: powerCutInRun()
        case .powerCutIdle: powerCutIdle()
        case .rescueDevice: rescueDevice(succeeds: true)
        case .rescueDeviceFails: rescueDevice(succeeds: false)
        case .controllerSilent: controllerFallsSilent()
        case .unintendedMovement: unintendedMovement()
        case .overspeed: overspeed()
        case .buttonInOpenCar: buttonInOpenCar()
        case .buttonInRun: buttonInRun()
        case .occupiedIdle: occupiedIdle()
        case .heldDoors: heldDoors()
        case .inspectionOffLevel: inspectionOffLevel()
        case .relevelling: relevelling()
        case .outOfServiceEmpty: outOfService()
        }
    }

    /// Somebody gets in at the present floor.
    private func pickUp() {
        openDoors()
        wait(random.uniform(2, 4))
        board(random.integer(1...3))
        closeDoors()
    }

    private func anotherFloor() -> Int {
        let far = (car.floor + random.integer(2...floors - 2)) % floors
        return far == car.floor ? (far + 2) % floors : far
    }

    /// Those inside wait for help. Most press the button sooner or later; `must` says that nothing else could tell.
    private func waitForHelp(must: Bool = false) {
        let rescue = random.uniform(scenario.rescueAfter.0, scenario.rescueAfter.1)
        let began = time
        if car.people > 0, must || random.chance(0.7) {
            wait(min(random.uniform(10, 60), rescue / 3))
            pressButton()
            if must { postpone("entrapment") }
        }
        wait(max(0, began + rescue - time))
    }

    /// A technician comes, switches to inspection, brings the car level, opens the door; everybody leaves.
    private func release() {
        panel.mode = 2
        publishState()
        wait(random.uniform(0.05, 0.15) * scenario.rescueAfter.0)
        if !car.isInDoorZone {
            car.isMoving = true
            panel.speed = 0.2
            publishState()
            wait(random.uniform(4, 10))
            car.metresOffLevel = 0
            panel.speed = 0
            car.isMoving = false
            publishState()
        }
        if car.doorGap < 1 { openDoors() }
        alight()
        wait(random.uniform(4, 8))
        car.isDisabled = false
        panel.vendorCode = nil
        setCodes([])
        closeDoors()
        panel.mode = 1
        publishState()
        wait(random.uniform(2, 5))
        trip()
    }

    private func stopBetweenFloors() {
        car.isDisabled = true
        car.metresOffLevel = random.uniform(0.5, floorHeight - 0.5)
        stop()
    }

    // MARK: People trapped

    private func stuckOffLevel(withPeople: Bool) {
        if withPeople { pickUp() }
        run(to: anotherFloor(), stopAfter: random.uniform(0.35, 0.7))
        stopBetweenFloors()
        panel.vendorCode = "E41"
        setCodes(["01"])
        wait(random.uniform(1, 3))
        // The commonest state after a blocking fault.
        if random.chance(0.5) { panel.mode = 0 }
        setCodes(["01", "04"])
        waitForHelp()
        release()
    }

    private func doorJams(ajar: Bool) {
        pickUp()
        run(to: anotherFloor())
        wait(0.6)
        car.isDisabled = true
        if ajar { car.doorGap = 0.05 }
        publishState()
        wait(random.uniform(5, 10))
        panel.vendorCode = "E48"
        setCodes(["03"])
        postpone("entrapment")
        happened("door_open_fault", from: time, to: time + scenario.rescueAfter.0)
        // Shut and sensed since the doors closed, or sensed by two sources: the panel shows it. Else only the button can.
        let sensed = panel.occupancy == .truthful
        let shown = ajar ? sensed && panel.seesLoad(car) : sensed || panel.seesLoad(car)
        waitForHelp(must: !shown)
        release()
    }

    private func powerCutInRun() {
        pickUp()
        run(to: anotherFloor(), stopAfter: random.uniform(0.35, 0.7))
        // The last word was "running". The brake holds the car where it is; nothing more is said.
        isSpeaking = false
        car.isDisabled = true
        car.isMoving = false
        car.metresOffLevel = random.uniform(0.5, floorHeight - 0.5)
        let cut = time
        publishState()
        postpone("entrapment", to: silenceShows, place: "silence")
        wait(15)
        publishLastWill()
        happened("controller_silent", from: cut, decidable: silenceShows, to: cut + scenario.rescueAfter.0)
        wait(max(scenario.rescueAfter.0, random.uniform(scenario.rescueAfter.0, scenario.rescueAfter.1)) - 15)
        isSpeaking = true
        panel.direction = 0
        panel.speed = 0
        panel.mode = 0
        panel.codes = ["04"]
        publishBirth()
        wait(random.uniform(5, 15))
        release()
    }

    private func rescueDevice(succeeds: Bool) {
        pickUp()
        run(to: anotherFloor(), stopAfter: random.uniform(0.35, 0.7))
        let cut = time
        car.isBeingRescuedByDevice = true
        stopBetweenFloors()
        panel.mode = 5
        setCodes(["41", "46"])
        let patience = min(1, scenario.rescueAfter.0 / 120)
        wait(random.uniform(15, 60) * patience)
        if succeeds {
            car.isDisabled = false
            car.isMoving = true
            panel.speed = 0.15
            publishState()
            wait(random.uniform(6, 15) * patience)
            car.metresOffLevel = 0
            panel.speed = 0
            car.isMoving = false
            publishState()
            wait(0.8)
            openDoors()
            alight()
            car.isBeingRescuedByDevice = false
            // It stands open until the mains are back.
            wait(random.uniform(120, 600) * patience)
            happened("power_loss", from: cut, to: time)
            panel.mode = 1
            setCodes([])
            wait(3)
            closeDoors()
        } else {
            publishState()
            car.isBeingRescuedByDevice = false
            panel.mode = 0
            panel.vendorCode = "E157"
            setCodes(["41", "04"])
            happened("power_loss", from: cut, to: time + scenario.rescueAfter.0)
            waitForHelp()
            release()
        }
    }

    private func unintendedMovement() {
        openDoors()
        wait(2)
        // The brake slips: the car creeps away with its door open, until the protection stops it within 1.2 m (EN 81-20 5.6.7).
        let begin = time
        car.isMoving = true
        panel.speed = 0.3
        publishState()
        wait(0.8)
        car.metresOffLevel = 0.35
        publishState()
        let left = time
        wait(0.7)
        car.metresOffLevel = 0.6
        car.isDisabled = true
        panel.vendorCode = "E65"
        stop()
        setCodes(["05"])
        panel.mode = 0
        publishState()
        happened("unintended_movement", from: begin, decidable: panel.hasOpenLimit ? left : time, to: time + 60)
        wait(random.uniform(scenario.rescueAfter.0, scenario.rescueAfter.1) / 2)
        release()
    }

    private func overspeed() {
        let begin = time
        car.isMoving = true
        panel.direction = 2
        publishState()
        wait(1)
        car.metresOffLevel = -0.6
        panel.speed = panel.ratedSpeed
        publishState()
        wait(3)
        panel.speed = panel.ratedSpeed * 1.18
        publishState()
        let fast = time
        wait(2)
        // The governor trips and the safety gear holds the empty car.
        stopBetweenFloors()
        setCodes(["01"])
        happened("overspeed", from: begin, decidable: fast, to: time + 10)
        wait(random.uniform(scenario.rescueAfter.0, scenario.rescueAfter.1) / 2)
        release()
    }

    // MARK: Nobody trapped

    private func powerCutIdle() {
        publishState()
        isSpeaking = false
        car.isDisabled = true
        publishState()
        wait(15)
        publishLastWill()
        wait(max(scenario.rescueAfter.0, 75) - 15 + random.uniform(0, 60))
        happened("controller_silent", from: lastWord, decidable: silenceShows, to: time)
        isSpeaking = true
        car.isDisabled = false
        publishBirth()
        wait(5)
        trip()
    }

    /// The adapter dies while the lift stands empty; with somebody inside nobody could tell it from a power cut.
    private func controllerFallsSilent() { powerCutIdle() }

    private func buttonInOpenCar() {
        openDoors()
        board(1)
        pressButton()
        wait(random.uniform(3, 10))
        closeDoors()
        run(to: anotherFloor())
        openDoors()
        alight()
        wait(2)
        closeDoors()
    }

    private func buttonInRun() {
        pickUp()
        run(to: anotherFloor(), during: pressButton)
        wait(0.6)
        openDoors()
        alight()
        wait(2)
        closeDoors()
    }

    private func occupiedIdle() {
        pickUp()
        // Somebody stands in the shut car and talks on the telephone; the door would open for the asking.
        wait(random.uniform(120, 600) * min(1, scenario.rescueAfter.0 / 300))
        run(to: anotherFloor())
        openDoors()
        alight()
        wait(2)
        closeDoors()
    }

    private func heldDoors() {
        openDoors()
        board(1)
        let scale = min(1, scenario.rescueAfter.0 / 300)
        wait(60 * scale)
        let begin = time
        setCodes(["02"])
        for _ in 0..<4 {
            // It tries to close, and the light curtain opens it again.
            wait(20 * scale)
            car.doorGap = 0.6
            publishState()
            wait(1.5)
            car.doorGap = 1
            publishState()
        }
        setCodes([])
        happened("door_close_fault", from: begin, to: time)
        closeDoors()
        run(to: anotherFloor())
        openDoors()
        alight()
        wait(2)
        closeDoors()
    }

    private func inspectionOffLevel() {
        let scale = min(1, scenario.rescueAfter.0 / 300)
        panel.mode = 2
        setCodes(["43"])
        wait(20 * scale)
        // The technician stands on the roof and drives; the car stops where the work is.
        for _ in 0..<3 {
            car.isMoving = true
            panel.speed = 0.4
            publishState()
            wait(random.uniform(4, 9))
            car.metresOffLevel = random.uniform(0.6, 2.4)
            panel.speed = 0
            car.isMoving = false
            publishState()
            wait(random.uniform(60, 400) * scale)
        }
        car.isMoving = true
        panel.speed = 0.4
        publishState()
        wait(5)
        car.metresOffLevel = 0
        panel.speed = 0
        car.isMoving = false
        publishState()
        wait(10)
        panel.mode = 1
        setCodes([])
        wait(3)
        trip()
    }

    private func relevelling() {
        openDoors()
        board(2)
        for _ in 0..<3 {
            car.isMoving = true
            car.metresOffLevel = 0.03
            panel.speed = 0.05
            publishState()
            wait(random.uniform(0.6, 1.5))
            car.isMoving = false
            car.metresOffLevel = 0
            panel.speed = 0
            publishState()
            wait(2)
        }
        closeDoors()
        run(to: anotherFloor())
        openDoors()
        alight()
        wait(2)
        closeDoors()
    }

    private func outOfService() {
        panel.mode = 0
        setCodes(["42"])
        wait(random.uniform(60, 900) * min(1, scenario.rescueAfter.0 / 300))
        panel.mode = 1
        setCodes([])
        wait(2)
    }
}
