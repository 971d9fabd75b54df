import QuireCore

/// Gives each distinct value a small number, so that states of the model are a few words.
struct Numbering<Value: Hashable> {
    private var numbers: [Value: Int] = [:]
    private(set) var values: [Value] = []

    mutating func number(of value: Value) -> Int {
        if let number = self.numbers[value] { return number }
        self.numbers[value] = self.values.count
        self.values.append(value)
        return self.values.count - 1
    }
}

/// Every interleaving of two proposers and three voters, with loss, repetition and delay of messages, and crashes,
/// through the real `LayoutDecision` and `LayoutAcceptor`: an explicit-state search to its end (SAFETY rules 13, 15).
///
/// The network keeps every question for ever: it may arrive at any time, any number of times, or never. An answer
/// arrives at once or never; to let it arrive later would add nothing, because a proposer's count of answers does not
/// depend on their order, and all that follows from it is a question that may arrive late. A proposer may begin anew
/// whenever it likes, as one does whose operator has given up, each time with another layout. A node answers only what
/// is on disk, so that storing and answering are one step, and a crash falls between two of them.
///
/// Values are run once per distinct (value, message) and remembered; a state is a handful of numbers.
final class LayoutLogModel {
    /// What a wrong implementation would do otherwise. The production types have no such switches.
    struct Rules {
        var needed = 2
        /// What a crash leaves of an acceptor.
        var restarted: (LayoutAcceptor.State) -> LayoutAcceptor.State = { $0 }
        /// How an acceptor is asked to accept.
        var accepting: (inout LayoutAcceptor, LayoutVersion, Ballot, [UInt8]) -> ControlMessage = {
            $0.proposed($1, $2, $3)
        }
        /// What a proposer hears of accepted values.
        var heard: (AcceptedLayout?) -> AcceptedLayout? = { $0 }
        /// The round of a proposer's next decision, after one with `round`.
        var following: (_ round: UInt64) -> UInt64 = { $0 + 1 }
        /// The round of a restarted proposer's next decision.
        var recovered: (_ promised: UInt64) -> UInt64 = { $0 + 1 }
    }

    struct Shape {
        /// Each proposer's node; nodes 0, 1 and 2 are the voters.
        let proposers: [Int]
        /// How many decisions each proposer may begin.
        let attempts: [Int]
        let crashes: Int

        var nodeCount: Int { max(3, (self.proposers.max() ?? 0) + 1) }
    }

    struct Report {
        var states = 0
        var steps = 0
        /// How many states had a decided value: a search in which nothing is ever decided shows nothing.
        var decidedStates = 0
        var violation: String?
        /// Whether no state was left unexplored.
        var isComplete = false
    }

    private enum Question: Hashable {
        case prepare(Ballot)
        case accept(Ballot, [UInt8])
        case decided([UInt8])
    }

    private struct Answer: Hashable {
        let node: Int
        let message: ControlMessage
    }

    private struct Acceptance: Hashable {
        let ballot: Ballot
        let value: [UInt8]
    }

    private struct State: Hashable {
        /// Numbers of acceptors, one of each node.
        var acceptors: SIMD8<UInt16> = .zero
        /// Numbers of decisions, one of each proposer; 0 for none.
        var decisions: SIMD2<UInt16> = .zero
        var attempts: SIMD2<UInt8> = .zero
        var rounds: SIMD2<UInt8> = .one
        var crashes: UInt8 = 0
        /// Bit v: value v was decided.
        var decided: UInt8 = 0
        /// Bit q: question q was sent.
        var questions: UInt64 = 0
        /// Bit 3a + v: voter v has ever accepted a. A ghost: nobody reads it but the check.
        var accepted: UInt64 = 0
    }

    static let version = LayoutVersion(2)
    private static let values: [[UInt8]] = [[1], [2]]
    private static let voters = (0..<3).map { NodeID(number: $0 + 1) }

    private let rules: Rules
    private let shape: Shape
    private let nodeCount: Int
    private let electorate: LayoutElectorate
    private var acceptors = Numbering<LayoutAcceptor>()
    private var decisions = Numbering<LayoutDecision>()
    private var questions = Numbering<Question>()
    private var answers = Numbering<Answer>()
    private var acceptances = Numbering<Acceptance>()
    /// The value of each acceptance, as a bit.
    private var acceptedValues: [UInt8] = []
    private var acceptorSteps: [Int: (acceptor: Int, message: ControlMessage?)] = [:]
    private var decisionSteps: [Int: (decision: Int, action: LayoutDecision.Action)] = [:]
    private var known: Set<State> = []
    private var open: [State] = []
    private var report = Report()

    init(_ shape: Shape, rules: Rules = Rules()) {
        self.shape = shape
        self.nodeCount = shape.nodeCount
        self.rules = rules
        self.electorate = LayoutElectorate(voters: Self.voters, needed: rules.needed)
        // Takes the number 0, which means "none".
        let none = LayoutDecision(version: .none, ballot: .none, electorate: self.electorate, layout: [])
        _ = self.decisions.number(of: none)
    }

    /// - Parameter statesMax: Gives up there; the report is not complete then.
    func explore(statesMax: Int) -> Report {
        var acceptor = LayoutAcceptor(state: .init(), isStranger: true)
        _ = acceptor.learned(LayoutVersion(1), [0], isMember: true)
        var first = State()
        for node in 0..<self.shape.nodeCount {
            first.acceptors[node] = UInt16(self.acceptors.number(of: acceptor))
        }
        self.reach(first)
        while self.report.violation == nil, self.known.count < statesMax, let state = self.open.popLast() {
            self.step(from: state)
        }
        self.report.states = self.known.count
        self.report.isComplete = self.open.isEmpty && self.report.violation == nil
        return self.report
    }

    private func reach(_ state: State) {
        self.report.steps += 1
        var state = state
        for proposer in self.shape.proposers.indices
        where state.attempts[proposer] == self.shape.attempts[proposer] {
            // Nobody asks for these any more.
            state.rounds[proposer] = 0
            let node = self.shape.proposers[proposer]
            if node >= Self.voters.count { state.acceptors[node] = 0 }
        }
        guard self.known.insert(state).inserted else { return }
        self.check(state)
        if state.decided != 0 { self.report.decidedStates += 1 }
        self.open.append(state)
    }

    /// No two values are ever chosen, so that a chosen one stays; and what a proposer takes for decided is chosen.
    private func check(_ state: State) {
        guard state.accepted != 0 || state.decided != 0 else { return }
        var chosen: UInt8 = 0
        var left = state.accepted
        var index = 0
        while left != 0 {
            if (left & 0b111).nonzeroBitCount >= 2 { chosen |= self.acceptedValues[index] }
            left >>= 3
            index += 1
        }
        if chosen.nonzeroBitCount > 1 { self.report.violation = "two layouts of one version were chosen" }
        if state.decided & ~chosen != 0 { self.report.violation = "a layout was decided that was not chosen" }
        if state.decided.nonzeroBitCount > 1 { self.report.violation = "two layouts of one version were decided" }
    }

    // MARK: Steps

    private func step(from state: State) {
        for proposer in self.shape.proposers.indices {
            self.begin(proposer, in: state)
        }
        var left = state.questions
        while left != 0 {
            let number = left.trailingZeroBitCount
            left &= left - 1
            let isForAll = if case .decided = self.questions.values[number] { true } else { false }
            var node = 0
            while node < (isForAll ? self.nodeCount : 3) {
                self.deliver(number, to: node, in: state)
                node += 1
            }
        }
        guard Int(state.crashes) < self.shape.crashes else { return }
        for node in 0..<self.shape.nodeCount {
            self.crash(node, in: state)
        }
    }

    /// The proposer's own acceptor promises the ballot first, voter or not, as in `ControlCore.askVoters`.
    private func begin(_ proposer: Int, in state: State) {
        let node = self.shape.proposers[proposer]
        let attempt = Int(state.attempts[proposer])
        var acceptor = self.acceptors.values[Int(state.acceptors[node])]
        guard attempt < self.shape.attempts[proposer], acceptor.state.decidedVersion < Self.version else { return }
        let round = UInt64(state.rounds[proposer])
        let ballot = Ballot(round: round, node: NodeID(number: node + 1))
        let decision = LayoutDecision(
            version: Self.version,
            ballot: ballot,
            electorate: self.electorate,
            layout: Self.values[(proposer + attempt) % 2]
        )
        let vote = acceptor.prepared(Self.version, ballot)
        var next = state
        next.attempts[proposer] += 1
        next.rounds[proposer] = UInt8(self.rules.following(round))
        next.acceptors[node] = UInt16(self.acceptors.number(of: acceptor))
        next.decisions[proposer] = UInt16(self.decisions.number(of: decision))
        if vote.isConsent {
            self.send(.prepare(ballot), in: &next)
        } else {
            self.hear(Answer(node: node, message: vote), proposer, in: &next)
        }
        self.reach(next)
    }

    private func deliver(_ number: Int, to node: Int, in state: State) {
        let before = Int(state.acceptors[node])
        let key = before << 16 | number
        let question = self.questions.values[number]
        let step = self.acceptorSteps[key] ?? self.answer(question, by: self.acceptors.values[before])
        self.acceptorSteps[key] = step
        var next = state
        next.acceptors[node] = UInt16(step.acceptor)
        var asker: Int?
        switch question {
        case .prepare(let ballot):
            asker = self.proposer(of: ballot, in: state)
        case .accept(let ballot, let value):
            asker = self.proposer(of: ballot, in: state)
            if step.message?.isConsent == true {
                let index = self.acceptances.number(of: Acceptance(ballot: ballot, value: value))
                precondition(index < 21, "more kinds of acceptances than a state has room for")
                if index == self.acceptedValues.count { self.acceptedValues.append(Self.bit(of: value)) }
                next.accepted |= 1 << UInt64(3 * index + node)
            }
        case .decided:
            // Who learns of a decision ends its own.
            if let proposer = self.shape.proposers.firstIndex(of: node) { next.decisions[proposer] = 0 }
        }
        if next != state { self.reach(next) }
        guard let asker, let message = step.message else { return }
        self.hear(Answer(node: node, message: message), asker, in: &next)
        if next != state { self.reach(next) }
    }

    private func answer(
        _ question: Question,
        by acceptor: LayoutAcceptor
    ) -> (acceptor: Int, message: ControlMessage?) {
        var acceptor = acceptor
        var message: ControlMessage?
        switch question {
        case .prepare(let ballot): message = acceptor.prepared(Self.version, ballot)
        case .accept(let ballot, let value): message = self.rules.accepting(&acceptor, Self.version, ballot, value)
        case .decided(let value): _ = acceptor.learned(Self.version, value, isMember: true)
        }
        return (self.acceptors.number(of: acceptor), message)
    }

    private func hear(_ answer: Answer, _ proposer: Int, in state: inout State) {
        let before = Int(state.decisions[proposer])
        let key = before << 16 | self.answers.number(of: answer)
        let step = self.decisionSteps[key] ?? self.react(to: answer, self.decisions.values[before])
        self.decisionSteps[key] = step
        state.decisions[proposer] = UInt16(step.decision)
        switch step.action {
        case .wait:
            break
        case .ask(_, .accept(_, let ballot, let value)):
            self.send(.accept(ballot, value), in: &state)
        case .ask:
            break
        case .decided(let value, _):
            // Its own node learns like the others, sooner or later.
            state.decided |= Self.bit(of: value)
            self.send(.decided(value), in: &state)
            state.decisions[proposer] = 0
        case .outbid(let round, _):
            state.decisions[proposer] = 0
            state.rounds[proposer] = UInt8(max(UInt64(state.rounds[proposer]), round) + 1)
        case .objected:
            state.decisions[proposer] = 0
        }
    }

    private func react(
        to answer: Answer,
        _ decision: LayoutDecision
    ) -> (decision: Int, action: LayoutDecision.Action) {
        var decision = decision
        let action = self.hears(answer, &decision)
        let once = decision
        if self.hears(answer, &decision) != .wait || decision != once {
            self.report.violation = "an answer that came twice was counted twice"
        }
        return (self.decisions.number(of: once), action)
    }

    private func hears(_ answer: Answer, _ decision: inout LayoutDecision) -> LayoutDecision.Action {
        let node = NodeID(number: answer.node + 1)
        switch answer.message {
        case .promise(_, _, let accepted):
            return decision.promised(node, accepted: self.rules.heard(accepted))
        case .accepted:
            return decision.accepted(node)
        case .refused(_, let promised, let decided):
            return decision.refused(node, promised: promised, decided: decided)
        default:
            return .wait
        }
    }

    private func crash(_ node: Int, in state: State) {
        let before = self.acceptors.values[Int(state.acceptors[node])]
        let stored = self.rules.restarted(before.state)
        var next = state
        next.acceptors[node] = UInt16(self.acceptors.number(of: LayoutAcceptor(state: stored, isStranger: false)))
        if let proposer = self.shape.proposers.firstIndex(of: node) {
            next.decisions[proposer] = 0
            next.rounds[proposer] = UInt8(self.rules.recovered(stored.promised.round))
        }
        // Who loses nothing by a crash has not crashed.
        guard next != state else { return }
        next.crashes += 1
        self.reach(next)
    }

    private static func bit(of value: [UInt8]) -> UInt8 {
        1 << UInt8(Self.values.firstIndex(of: value) ?? 7)
    }

    // MARK: Questions

    private func send(_ question: Question, in state: inout State) {
        let number = self.questions.number(of: question)
        precondition(number < 64, "more kinds of questions than a state has room for")
        state.questions |= 1 << UInt64(number)
    }

    /// Whose present decision has this ballot.
    private func proposer(of ballot: Ballot, in state: State) -> Int? {
        self.shape.proposers.indices.first { proposer in
            let number = Int(state.decisions[proposer])
            return number != 0 && self.decisions.values[number].ballot == ballot
        }
    }
}
