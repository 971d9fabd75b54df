/// The first element of every peer message. The raw values are the format: they never change.
enum PeerMessageType: String, CaseIterable {
    case get
    case put
    case hint
    case getHint
    case getOutline
    case putBatch
    case coordinate
    case scan
    case count
    case readLeaves
    case leafEntries
    case readSums
    case readDigests
    case readRecords
    case offer
    case deliver

    case record
    case outline
    case acknowledged
    case coordinated
    case page
    case counted
    case leaves
    case sums
    case digests
    case lacking
    case fenced
    case failed

    case identify
    case identity
    case gossip
    case layout
    case nothingNewer
    case gossipDigests
    case gossipDifference
    case gossipEntries
    case prepare
    case promise
    case accept
    case accepted
    case refused
    case decided
    case adopted
    case installFence
    case fenceInstalled
    case collectReceipts
    case receipts

    case seal
    case sealed
    case readBlocks
    case block
    case sealExpired
    case unseal
    case storeImage
    case imageStored
    case checkRepository
    case repositoryChecked
    case settleHints
    case hintsSettled
    case collectStatistics
    case collectRoots
    case statistics
    case startRepair
    case repairStarted

    case attestTombstones
    case dropTombstones
    case tombstonesAnswered
}
