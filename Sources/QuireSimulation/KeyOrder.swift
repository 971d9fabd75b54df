import QuireCore

/// The keys of a run in scan order, with their hashes: worked out once, for storages sort and hash all the time.
struct KeyOrder {
    struct Place: Comparable {
        let rank: Int
        let position: ScanPosition

        static func < (left: Place, right: Place) -> Bool {
            left.rank < right.rank
        }
    }

    private let places: [Key: Place]

    init(_ keys: [Key]) {
        let positions = keys.map { ScanPosition(key: $0) }.sorted()
        var places: [Key: Place] = [:]
        for (rank, position) in positions.enumerated() {
            places[position.key] = Place(rank: rank, position: position)
        }
        self.places = places
    }

    func place(of key: Key) -> Place {
        guard let place = self.places[key] else { preconditionFailure("no client writes \(key.name)") }
        return place
    }
}
