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

    case record
    case outline
    case acknowledged
    case coordinated
    case page
    case counted
    case leaves
    case failed

    case identify
    case identity
    case gossip
    case layout
    case nothingNewer
    case prepare
    case promise
    case accept
    case accepted
    case refused
    case decided
    case adopted
    case drain
    case drained
    case collectReceipts
    case receipts

    case seal
    case sealed
    case readBlock
    case block
    case sealExpired
    case unseal
    case storeImage
    case imageStored
    case checkRepository
    case repositoryChecked
    case collectStatistics
    case statistics
}
