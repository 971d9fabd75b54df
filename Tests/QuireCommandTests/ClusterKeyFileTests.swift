import Foundation
import Testing

@testable import quire

@Suite struct ClusterKeyFileTests {
    @Test func readsWhatItWrote() {
        let key = ClusterKeyFile.draw()
        #expect(key.count == 32)
        #expect(ClusterKeyFile.key(in: ClusterKeyFile.text(of: key) + "\n") == key)
    }

    @Test func drawsAnotherKeyEachTime() {
        #expect(ClusterKeyFile.draw() != ClusterKeyFile.draw())
    }

    @Test(arguments: ["", "00", String(repeating: "0", count: 63), String(repeating: "g", count: 64)])
    func refusesWhatIsNoKey(text: String) {
        #expect(ClusterKeyFile.key(in: text) == nil)
    }

    @Test func createsAPrivateFileAndNeverOverwritesOne() throws {
        let path = FileManager.default.temporaryDirectory.appending(path: "quire-key-\(UUID().uuidString)").path
        defer { unlink(path) }
        let key = ClusterKeyFile.draw()
        try ClusterKeyFile.create(path, key: key)
        let mode = try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
        #expect(mode == 0o600)
        #expect(throws: CommandFailure.self) { try ClusterKeyFile.create(path, key: ClusterKeyFile.draw()) }
        #expect(try ClusterKeyFile.read(path) == key)
    }
}
