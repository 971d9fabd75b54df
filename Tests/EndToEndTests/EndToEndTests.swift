import Testing

/// Real processes, real files, real sockets: what the command line and stock clients see.
///
/// One after the other, because each test loads the machine with processes of its own. The suites are extensions
/// of this one for that reason.
@Suite(.serialized, .timeLimit(.minutes(5)))
struct EndToEndTests {}
