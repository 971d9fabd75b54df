import Foundation
import QuireCore
import Testing

@testable import QuireNode

@Suite struct NodeDirectoryTests {
    private static func configuration(_ path: String, name: String? = nil) -> NodeConfiguration {
        NodeConfiguration(dataDirectory: path, name: name, clusterKey: Array(repeating: 7, count: 32))
    }

    @Test func keepsItsIdentity() throws {
        let scratch = try ScratchDirectory()
        let path = "\(scratch.path)/data"
        let first = try Self.release { try NodeDirectory(configuration: Self.configuration(path, name: "n1")) }
        let again = try Self.release { try NodeDirectory(configuration: Self.configuration(path)) }
        #expect(again.node == first.node)
        #expect(again.name == "n1")
    }

    @Test func refusesASecondProcess() throws {
        let scratch = try ScratchDirectory()
        let holder = try NodeDirectory(configuration: Self.configuration(scratch.path))
        let error = #expect(throws: NodeError.self) {
            try NodeDirectory(configuration: Self.configuration(scratch.path))
        }
        #expect(error?.code == .dataDirectoryInUse)
        holder.release()
    }

    @Test func refusesAnotherName() throws {
        let scratch = try ScratchDirectory()
        _ = try Self.release { try NodeDirectory(configuration: Self.configuration(scratch.path, name: "n1")) }
        let error = #expect(throws: NodeError.self) {
            try NodeDirectory(configuration: Self.configuration(scratch.path, name: "n2"))
        }
        #expect(error?.code == .invalidConfiguration)
    }

    @Test func refusesADamagedIdentityAndAnUnknownFormat() throws {
        let scratch = try ScratchDirectory()
        let file = URL(fileURLWithPath: "\(scratch.path)/node.json")
        for content in ["{", #"{"format":9,"node":"00000000000000aa","name":"n","zone":"z"}"#] {
            try Data(content.utf8).write(to: file)
            let error = #expect(throws: NodeError.self) {
                try NodeDirectory(configuration: Self.configuration(scratch.path))
            }
            #expect(error?.code == .dataDirectoryUnusable)
        }
    }

    private static func release(_ open: () throws -> NodeDirectory) rethrows -> NodeDirectory {
        let directory = try open()
        directory.release()
        return directory
    }
}
