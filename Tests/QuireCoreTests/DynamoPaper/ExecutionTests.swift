import QuireCore
import Testing

extension DynamoPaperTests {
    @Suite("§4.5 Execution of get and put") struct Execution {
        /// N, and R or W, as operators may choose them.
        static let quorums = (1...7).flatMap { replicas in (1...replicas).map { (replicas: replicas, quorum: $0) } }

        /// §4.5: "any storage node in Dynamo is eligible to receive client get and put operations for any key."
        @Test func aNodeOutsideTheRowReadsForItsClient() throws {
            var dialogue = try RequestCoreDialogue()
            let key = try dialogue.key(isOwn: false)
            let asked = dialogue.ask(.get(key, readQuorum: nil))
            #expect(asked.nodesRead == dialogue.row(of: key))
            _ = dialogue.answer(asked.questions[0], .record(.minted(1)))
            #expect(dialogue.answer(asked.questions[1], .record(.minted(1))).recordsRead == [.minted(1)])
        }

        /// §4.5: "the node that receives the request will not coordinate it if the node is not in the top N of the
        /// requested key's preference list. Instead, that node will forward the request to the first among the top N
        /// nodes in the preference list."
        @Test func aNodeOutsideTheRowForwardsAPutToTheFirstOfTheTopN() throws {
            var dialogue = try RequestCoreDialogue()
            let key = try dialogue.key(isOwn: false)
            let asked = dialogue.ask(Paper.blindPut(key))
            #expect(asked.nodesForwardedTo == [try #require(dialogue.row(of: key).first)])
            let stored = ClientResult.stored(.minted(1), wasLive: true)
            #expect(dialogue.answer(asked.questions[0], .coordinated(stored)).recordsStored == [.minted(1)])
        }

        /// §4.5: "read and write operations involve the first N healthy nodes in the preference list, skipping over
        /// those that are down or inaccessible": a put is forwarded to the first member of the row that is there.
        @Test func aPutIsForwardedPastANodeThatIsDown() throws {
            var dialogue = try RequestCoreDialogue()
            let key = try dialogue.key(isOwn: false)
            let row = dialogue.row(of: key)
            _ = dialogue.handle(.peerLost(row[0]))
            #expect(dialogue.ask(Paper.blindPut(key)).nodesForwardedTo == [row[1]])
        }

        /// §4.5: "R is the minimum number of nodes that must participate in a successful read operation", so that "the
        /// latency of a get is dictated by the slowest of the R replicas" and by no other.
        @Test(arguments: Self.quorums)
        func aGetAnswersWithExactlyRReplicas(_ replicas: Int, _ readQuorum: Int) {
            var get = Paper.get(replicas: replicas, readQuorum: readQuorum)
            for (count, node) in Paper.row.prefix(replicas).enumerated() {
                let read = get.heard(node, .minted(1))
                #expect(read == (count + 1 == readQuorum ? .minted(1) : nil))
            }
        }

        /// §4.5: "W is the minimum number of nodes that must participate in a successful write operation."
        @Test(arguments: Self.quorums)
        func aPutSucceedsWithExactlyWReplicas(_ replicas: Int, _ writeQuorum: Int) {
            var put = Paper.put(replicas: replicas, writeQuorum: writeQuorum)
            for (count, node) in Paper.row.prefix(replicas).enumerated() {
                #expect(put.isSuccessful(with: node) == (count + 1 == writeQuorum))
            }
        }

        /// §4.5: N - R replicas of a read, and N - W of a write, may fail.
        @Test(arguments: Self.quorums)
        func operationsOutliveAsManyFailuresAsTheQuorumLeavesOut(_ replicas: Int, _ quorum: Int) {
            var get = Paper.get(replicas: replicas, readQuorum: quorum)
            var put = Paper.put(replicas: replicas, writeQuorum: quorum)
            for (count, node) in Paper.row.prefix(replicas).enumerated() {
                let isLost = count == replicas - quorum
                #expect(get.isLost(without: node) == isLost)
                #expect(put.isLost(without: node) == isLost)
            }
        }

        /// §4.5: "setting R and W such that R + W > N yields a quorum-like system": a read meets every write that was
        /// acknowledged, even if it hears of the replicas that are last to learn of it.
        @Test(arguments: 1...7)
        func aReadMeetsEveryWriteExactlyWhenRAndWExceedN(_ replicas: Int) {
            for writeQuorum in 1...replicas {
                for readQuorum in 1...replicas {
                    var get = Paper.get(replicas: replicas, readQuorum: readQuorum)
                    let nodes = Paper.row.prefix(replicas)
                    for node in nodes.suffix(readQuorum) {
                        let hasWrite = nodes.prefix(writeQuorum).contains(node)
                        _ = get.heard(node, hasWrite ? .minted(1) : nil)
                    }
                    #expect(get.merged.isEmpty == (readQuorum + writeQuorum <= replicas))
                }
            }
        }

        /// §4.5: a put: "the coordinator generates the vector clock for the new version and writes the new version
        /// locally. [It] then sends the new version (along with the new vector clock) to the N highest-ranked reachable
        /// nodes. If at least W-1 nodes respond then the write is considered successful."
        @Test func aPutIsMintedHereSentToTheOthersAndSucceedsAtWMinusOneAnswers() throws {
            var dialogue = try RequestCoreDialogue()
            let key = try dialogue.key(isOwn: true)
            let asked = dialogue.ask(Paper.blindPut(key))
            let token = try #require(asked.storeTokens.first)
            #expect(asked.mintRequest?.key == key)
            #expect(asked.recordsSent.isEmpty, "the version comes first")
            let sent = dialogue.stored(token, Paper.minted)
            #expect(sent.recordsSent.map(\.record) == [.minted(7), .minted(7)])
            #expect(dialogue.stored(token, .durable(.at(0))).clientResults.isEmpty)
            #expect(dialogue.answer(sent.questions[1], Paper.acknowledged).recordsStored == [.minted(7)])
        }

        /// §4.5: a get: "the coordinator requests all existing versions of data for that key from the N highest-ranked
        /// reachable nodes …, and then waits for R responses …. If [it] ends up gathering multiple versions, it returns all
        /// the versions it deems to be causally unrelated."
        @Test func aGetAsksAllNWaitsForRAndReturnsWhatIsCausallyUnrelated() throws {
            var dialogue = try RequestCoreDialogue()
            let key = try dialogue.key(isOwn: true)
            var newer = Record.minted(1)
            newer.mint(.of(2, 1), superseding: .context(newer.vector))
            let asked = dialogue.ask(.get(key, readQuorum: 3))
            #expect(asked.nodesRead.count == 2 && asked.storeTokens.count == 1)
            #expect(dialogue.stored(asked.storeTokens[0], .record(.minted(1))).clientResults.isEmpty)
            #expect(dialogue.answer(asked.questions[0], .record(.minted(3))).clientResults.isEmpty)
            let read = try #require(dialogue.answer(asked.questions[1], .record(newer)).recordsRead.first)
            #expect(read.siblings.map(\.dot.actor.rawValue) == [2, 3], "the version of 1 is an ancestor")
        }

        /// §4.5: "the divergent versions are then reconciled and the reconciled version superseding the current versions
        /// is written back": with the context of the read, which is what the coordinator mints under.
        @Test func theReconciledVersionIsWrittenUnderTheContextThatWasRead() throws {
            var dialogue = try RequestCoreDialogue()
            let key = try dialogue.key(isOwn: true)
            let read = Record.minted(1).merging(.minted(2))
            let put = PutRequest(key: key, value: [9], supersession: .context(read.vector))
            let request = try #require(dialogue.ask(.put(put)).mintRequest)
            var stored = read
            stored.mint(.of(3, 1, value: request.value), superseding: request.supersession)
            #expect(stored.siblings.map(\.value) == [[9]])
        }
    }
}
