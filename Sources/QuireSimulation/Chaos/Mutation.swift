/// Defects that are planted on purpose and that the checkers must find: the measure of the simulator itself.
package enum Mutation: String, Sendable, CaseIterable {
    // Records and their versions.
    case keepsNewestSiblingOnly
    case keepsNewestRecordOnly
    case overwritesWithWhatArrives
    case sendsLoneVersions
    case mintsWithoutItsRecord
    case supersedesWhatWasNotRead
    case acceptsForeignContexts
    case reusesActorAfterCrash
    case reusesActorAfterLostDisk
    case keepsTheActorOfDroppedHints
    case forgetsRequests
    case hidesLaterTimestamps

    // Quorums.
    case acknowledgesBeforeSync
    case joinsTheRunningSync
    case ignoresFailedSyncs
    case acknowledgesOnAFullDisk
    case countsSendsAsStored

    // Hints.
    case acknowledgesHintsBeforeSync
    case acknowledgesBatchesBeforeSync
    case keepsHintsInMemory
    case evictsHints
    case dropsHintsOnSend
    case deliversHintsToOneOwner
    case deliversHintsToFormerOwners
    case dropsHintsThatHaveLearned

    // Moves.
    case fillsFromOneReplica
    case fillsBeforeTheFence
    case countsOlderRequests
    case coversWithoutCopying
    case installsOverLiveWrites
    case writesToTheOldRowOnly
    case retiresBeforeCovered
    case votesBeforeStoring
    case forgetsPromises
    case decidesAlone
    case refusesWhatWasDecided
    case keepsReceiptsInMemory
    case countsReceiptsUngiven
    case dropsTargetsAtOnce
    case undoesWithoutComparing
    case keepsFilesOfEarlierMembership

    // Forgetting.
    case rewritesWhatExpired
    case dropsTombstonesUnasked
    case asksOnce
    case asksTheRowOnly
    case collectsDespiteHints
    case acceptsLateMessages

    // Damage.
    case countsBeforeItIsWhole
    case refetchesFromOneFellow
    case servesDamagedRecords
}

/// What a mutation stands for, and where it must be caught.
package struct PlantedDefect: Sendable {
    package let mutation: Mutation
    /// The rule of SAFETY.md that it breaks.
    package let rule: Int
    /// The class of reliability.md §1.2, where it is one of those.
    package let kind: String
    package let summary: String
    package let scenario: Scenario
    /// The checkers find it within seeds `1...seedsMax` of the scenario.
    package let seedsMax: UInt64

    private init(
        _ mutation: Mutation,
        _ rule: Int,
        _ kind: String,
        _ scenario: Scenario,
        _ seedsMax: UInt64,
        _ summary: String
    ) {
        self.mutation = mutation
        self.rule = rule
        self.kind = kind
        self.summary = summary
        self.scenario = scenario
        self.seedsMax = seedsMax
    }

    package static func of(_ mutation: Mutation) -> PlantedDefect {
        guard let defect = Self.all.first(where: { $0.mutation == mutation }) else {
            preconditionFailure("\(mutation) is in no list")
        }
        return defect
    }

    package static let all: [PlantedDefect] =
        Self.ofVersions + Self.ofQuorums + Self.ofHints + Self.ofMoves + Self.ofForgetting + Self.ofDamage

    private static let ofVersions: [PlantedDefect] = [
        .init(.keepsNewestSiblingOnly, 1, "L1", .steady, 5, "merging keeps the sibling with the greatest timestamp"),
        .init(.keepsNewestRecordOnly, 1, "L1", .steady, 5, "of two records the one with the later timestamp is kept"),
        .init(.overwritesWithWhatArrives, 1, "L22", .steady, 5, "repair replaces a record instead of merging"),
        .init(.sendsLoneVersions, 1, "", .steady, 5, "replicas are sent the new version instead of the whole record"),
        .init(.mintsWithoutItsRecord, 2, "L4", .steady, 5, "a version is minted without the replica's own record"),
        .init(.supersedesWhatWasNotRead, 1, "L5", .steady, 5, "a causal write covers siblings its client never read"),
        .init(.acceptsForeignContexts, 2, "L5", .hot, 100, "the context of another key is accepted"),
        .init(.reusesActorAfterCrash, 2, "L2", .steady, 30, "after a crash a replica mints on under its old actor"),
        .init(
            .reusesActorAfterLostDisk,
            2,
            "L3",
            .disks,
            100,
            "after a lost disk a replica counts on from what it fetched"
        ),
        .init(.keepsTheActorOfDroppedHints, 3, "L2", .lonely, 100, "a stand-in mints on after its hint was dropped"),
        .init(.forgetsRequests, 4, "L6", .hot, 20, "a forwarded put that comes twice is executed twice"),
        .init(.hidesLaterTimestamps, 4, "L1", .clocks, 20, "a plain write is not told of a later timestamp"),
    ]

    private static let ofQuorums: [PlantedDefect] = [
        .init(.acknowledgesBeforeSync, 6, "L7", .steady, 5, "storage reports durability before it has synced"),
        .init(.joinsTheRunningSync, 6, "L7", .steady, 5, "a write is answered by the sync that ran when it came"),
        .init(.ignoresFailedSyncs, 6, "L7", .steady, 30, "a failed sync counts as a good one"),
        .init(.acknowledgesOnAFullDisk, 6, "", .disks, 30, "a full disk acknowledges what it cannot write"),
        .init(.countsSendsAsStored, 6, "", .steady, 5, "a put counts as stored when it was sent"),
    ]

    private static let ofHints: [PlantedDefect] = [
        .init(.acknowledgesHintsBeforeSync, 8, "L8", .sloppy, 30, "a stand-in acknowledges before its sync"),
        .init(
            .acknowledgesBatchesBeforeSync,
            8,
            "L8",
            .sloppy,
            200,
            "delivered hints are acknowledged before their sync"
        ),
        .init(.keepsHintsInMemory, 8, "L8", .sloppy, 30, "hints do not survive a restart"),
        .init(.evictsHints, 8, "L9", .sloppy, 30, "a full hint store makes room"),
        .init(.dropsHintsOnSend, 8, "L9", .sloppy, 30, "a hint is dropped when it has been sent"),
        .init(
            .deliversHintsToOneOwner,
            8,
            "L11",
            .sloppy,
            30,
            "a hint is dropped after the first owner's acknowledgement"
        ),
        .init(
            .deliversHintsToFormerOwners,
            8,
            "L10",
            .wandering,
            100,
            "hints go to the row as it was in the beginning"
        ),
        .init(
            .dropsHintsThatHaveLearned,
            8,
            "L9",
            .sloppy,
            200,
            "a hint is dropped although a newer put merged into it"
        ),
    ]

    private static let ofMoves: [PlantedDefect] = [
        .init(.fillsFromOneReplica, 11, "L13", .thin, 200, "a newcomer covers one old replica instead of all"),
        .init(
            .fillsBeforeTheFence,
            11,
            "L13",
            .tardy,
            200,
            "a newcomer fills itself at once, and nobody waits for fences"
        ),
        .init(.countsOlderRequests, 7, "L14", .stale, 200, "replies to requests older than the fence count"),
        .init(
            .coversWithoutCopying,
            11,
            "L13",
            .sluggish,
            50,
            "a newcomer reports that it covers before it has copied"
        ),
        .init(.installsOverLiveWrites, 11, "L13", .sluggish, 50, "a copied image replaces what was written meanwhile"),
        .init(.writesToTheOldRowOnly, 11, "L12", .moving, 5, "while a partition moves, only its old row is written"),
        .init(.retiresBeforeCovered, 10, "L15", .moving, 50, "a source retires its file when the move begins"),
        .init(.votesBeforeStoring, 13, "L14", .moving, 50, "a vote on a layout is answered before it is on disk"),
        .init(.forgetsPromises, 13, "L14", .blackout, 30, "what a voter promised and accepted is gone after a crash"),
        .init(.decidesAlone, 15, "L14", .rivals, 30, "a coordinator decides without asking the voters"),
        .init(.refusesWhatWasDecided, 14, "", .moving, 5, "a node that objects does not adopt what was decided"),
        .init(.keepsReceiptsInMemory, 12, "L13", .moving, 5, "what newcomers have covered is in no layout"),
        .init(.countsReceiptsUngiven, 11, "L13", .reversing, 30, "reads turn to newcomers that gave no receipt"),
        .init(.dropsTargetsAtOnce, 11, "L14", .reversing, 200, "an abort lets the new row go before it is fenced"),
        .init(.undoesWithoutComparing, 11, "L13", .undoing, 50, "a file that comes back counts as it is"),
        .init(
            .keepsFilesOfEarlierMembership,
            9,
            "L21",
            .comeback,
            100,
            "a node that left and comes back revives what it had retired before"
        ),
    ]

    private static let ofForgetting: [PlantedDefect] = [
        .init(.rewritesWhatExpired, 5, "", .forgetful, 5, "a replica makes tombstones of what it finds expired"),
        .init(.dropsTombstonesUnasked, 9, "", .forgetful, 30, "each replica drops its tombstones when they are old"),
        .init(.asksOnce, 9, "", .straggling, 50, "tombstones are dropped after one round"),
        .init(.asksTheRowOnly, 9, "", .hoarding, 50, "members outside the row are not asked"),
        .init(.collectsDespiteHints, 9, "", .hoarding, 50, "hints do not keep tombstones"),
        .init(.acceptsLateMessages, 9, "", .straggling, 50, "messages are taken however late they come"),
    ]

    private static let ofDamage: [PlantedDefect] = [
        .init(.countsBeforeItIsWhole, 18, "L20", .disks, 100, "a replica that lost its file answers at once"),
        .init(.refetchesFromOneFellow, 18, "L20", .disks, 100, "a lost replica counts again after asking one fellow"),
        .init(.servesDamagedRecords, 18, "L22", .disks, 30, "what is left of a damaged file is served and merged"),
    ]
}
