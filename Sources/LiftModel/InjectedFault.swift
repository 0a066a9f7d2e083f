#if SIMULATION
    import Synchronization
#endif

/// Faults that `Tests/GatewaySimulation` puts into the core, the scheduling and the journal, one at
/// a time, to see that it finds them: faults that were made here once, or that are easily made.
///
/// They exist in a build with `-D SIMULATION` only; otherwise `injected` is false wherever it
/// stands, and the compiler removes it.
package enum InjectedFault: CaseIterable, Sendable {
    // The core.
    case acknowledgesBeforeTheCommit
    case commitsBeforeItEvaluates
    case acknowledgesAFailedCommit
    case forgetsMessagesOfAFailedCommit
    case forgetsAlertsOfAFailedCommit
    case forgetsConnectionEventsOfAFailedCommit
    case takesAnyNumberOfBytes
    case givesUpTheDiskAtOnce
    case sendsNothingFromMemory
    case neverRetriesTheDisk
    case keepsNoSnapshotAfterTimeWithoutADisk
    case storesNoSnapshotInANewJournal
    case storesNoSnapshotAfterAReload
    case journalsNoDisconnection
    case journalsNoEndOfTheBacklog
    case journalsNoStall
    case leavesTimersBeforeAStallUnevaluated
    case journalsNoEndOfADeadProcess
    case givesEntriesEqualTimes
    case staysBehindAfterAStall
    case takesAnyMessageForARedelivery
    case remindsAtTheNextEvaluation
    case storesNoSnapshotWithAnOverdueReminder
    case removesActionsBeforeTheirCommit
    case forgetsAnsweredCommands
    case answersNoCommand
    case givesAnswersOneID
    case restoresWithoutConnectionEvents
    case restoresFromABatchTooLate
    case forgetsAlertsThatOtherRulesHaveRaised
    // The scheduling.
    case sendsANewRowBeforeTheBacklogOfItsLift
    case endsTheBacklogEarly
    case neverSendsAgain
    case forgetsTheQueueOnAConnection
    case recordsReceiptsThatTheDiskRefuses
    case dropsEventsOfAFailedRead
    case keepsEventsOfAFailedRead
    case sendsAReminderBeforeItsAlert
    case neverFallsBack
    // The journal.
    case syncsNoCommit
    case takesAReceiptForEveryCentre
    case refersToPayloadsOfAFailedCommit
    case enqueuesForTheFirstCentreOnly
    case evictsWhatARestartReplays
    case reportsNoEviction

    #if SIMULATION
        package static let current = Mutex<InjectedFault?>(nil)
    #endif
}

/// Whether the simulation has put a fault into the program.
@inline(__always)
package func injected(_ fault: InjectedFault) -> Bool {
    #if SIMULATION
        return InjectedFault.current.withLock { $0 } == fault
    #else
        return false
    #endif
}
