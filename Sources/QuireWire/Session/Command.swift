/// A command that a session understands. The raw value is its name as clients write it, in lower case.
enum Command: String, CaseIterable, Sendable {
    case auth
    case client
    case cluster
    case command
    case config
    case dbsize
    case del
    case echo
    case exists
    case get
    case hello
    case info
    case keys
    case mget
    case mset
    case ping
    case quireDelete = "quire.del"
    case quireGet = "quire.get"
    case quireLayout = "quire.layout"
    case quirePut = "quire.put"
    case quit
    case reset
    case role
    case scan
    case select
    case set
    case strlen
    case time
    case type
    case unlink

    private static let nameBytesMax = 15

    private static let byName: [UInt128: Command] = {
        var commands: [UInt128: Command] = [:]
        for command in Command.allCases {
            commands[Self.folded(Array(command.rawValue.utf8))] = command
        }
        return commands
    }()

    /// - Parameter name: In any case.
    init?(name: [UInt8]) {
        guard name.count <= Self.nameBytesMax, let command = Self.byName[Self.folded(name)] else { return nil }
        self = command
    }

    /// The name in lower case as one number.
    private static func folded(_ name: [UInt8]) -> UInt128 {
        name.reduce(1) { $0 << 8 | UInt128((0x41...0x5A).contains($1) ? $1 | 0x20 : $1) }
    }
}

/// What `COMMAND` tells about a command, so that clients can route it.
struct CommandDescription: Sendable {
    /// The number of arguments with the name; negative: at least so many.
    let arity: Int
    let flags: [String]
    /// Positions of the first and last key, the last from the end if negative, and the step between; 0 for none.
    let firstKey: Int
    let lastKey: Int
    let keyStep: Int
    let group: String
    let summary: String

    private init(_ arity: Int, _ flags: [String], _ keys: (Int, Int, Int), _ group: String, _ summary: String) {
        self.arity = arity
        self.flags = flags
        self.firstKey = keys.0
        self.lastKey = keys.1
        self.keyStep = keys.2
        self.group = group
        self.summary = summary
    }

    func accepts(argumentCount count: Int) -> Bool {
        self.arity >= 0 ? count == self.arity : count >= -self.arity
    }

    private static func connection(_ arity: Int, _ summary: String) -> CommandDescription {
        CommandDescription(arity, ["loading", "stale", "fast"], (0, 0, 0), "connection", summary)
    }

    private static func server(_ arity: Int, _ summary: String) -> CommandDescription {
        CommandDescription(arity, ["loading", "stale"], (0, 0, 0), "server", summary)
    }

    private static func read(_ arity: Int, last: Int = 1, _ summary: String) -> CommandDescription {
        CommandDescription(arity, ["readonly", "fast"], (1, last, 1), "string", summary)
    }

    private static func write(_ arity: Int, last: Int = 1, step: Int = 1, _ summary: String) -> CommandDescription {
        CommandDescription(arity, ["write", "denyoom"], (1, last, step), "string", summary)
    }

    private static func keyspace(_ arity: Int, _ summary: String) -> CommandDescription {
        CommandDescription(arity, ["readonly"], (0, 0, 0), "generic", summary)
    }

    static func of(_ command: Command) -> CommandDescription {
        switch command {
        case .auth: .connection(-2, "Authenticates the connection.")
        case .client: .connection(-2, "Names and describes the connection.")
        case .cluster: .server(-2, "Answers that this port does not redirect.")
        case .command: .server(-1, "Describes the commands.")
        case .config: .server(-2, "Reads settings that clients look for.")
        case .dbsize: .keyspace(1, "Counts the live keys of the cluster.")
        case .del: .write(-2, last: -1, "Deletes keys; answers how many were live.")
        case .echo: .connection(2, "Returns its argument.")
        case .exists: .read(-2, last: -1, "Counts how many of the keys are live.")
        case .get: .read(2, "Returns the newest value of a key.")
        case .hello: .connection(-1, "Chooses the version of the protocol.")
        case .info: .server(-1, "Describes the node.")
        case .keys: .keyspace(2, "Refused: use SCAN.")
        case .mget: .read(-2, last: -1, "Returns the newest values of keys.")
        case .mset: .write(-3, last: -1, step: 2, "Sets keys, each on its own.")
        case .ping: .connection(-1, "Answers PONG.")
        case .quireDelete: .write(-3, "Deletes what a context has seen of a key.")
        case .quireGet: .read(-2, "Returns all siblings of a key and their context.")
        case .quireLayout: .server(-1, "Describes the cluster to clients that go to the replicas themselves.")
        case .quirePut: .write(-4, "Writes a value in place of what a context has seen.")
        case .quit: .connection(-1, "Closes the connection.")
        case .reset: .connection(1, "Makes the connection as it was when new.")
        case .role: .server(1, "Answers master.")
        case .scan: .keyspace(-2, "Returns one page of keys.")
        case .select: .connection(2, "Selects database 0, the only one.")
        case .set: .write(-3, "Sets the value of a key.")
        case .strlen: .read(2, "Returns the length of a value.")
        case .time: .server(1, "Returns the time of the node.")
        case .type: .read(2, "Answers string or none.")
        case .unlink: .write(-2, last: -1, "Deletes keys, as DEL does.")
        }
    }

    /// The positions of the keys among `count` arguments, the name being the first.
    func keyPositions(argumentCount count: Int) -> [Int] {
        guard self.firstKey > 0 else { return [] }
        let last = self.lastKey < 0 ? count + self.lastKey : self.lastKey
        return Array(stride(from: self.firstKey, through: min(last, count - 1), by: self.keyStep))
    }
}
