import ArgumentParser

struct KVCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "kv",
        abstract: "Read and write keys, load and compare whole data sets.",
        subcommands: [
            KVGet.self, KVPut.self, KVDelete.self, KVScan.self, KVLoad.self, KVVerify.self, KVCompare.self,
        ]
    )
}
