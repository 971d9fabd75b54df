/// Writes tars that no honest program writes.
struct RawTar {
    struct Member {
        var name: String
        var content: [UInt8]
        var type: Character = "0"
        var link = ""
    }

    static func bytes(_ members: [Member]) -> [UInt8] {
        members.flatMap(self.bytes) + [UInt8](repeating: 0, count: 1024)
    }

    /// Reads the regular members of a tar with plain ustar headers.
    static func members(of bytes: [UInt8]) -> [Member] {
        var members: [Member] = []
        var offset = 0
        while offset + 512 <= bytes.count, bytes[offset] != 0 {
            let header = Array(bytes[offset..<offset + 512])
            let name = String(decoding: header[..<100].prefix { $0 != 0 }, as: UTF8.self)
            let size = Int(String(decoding: header[124..<135], as: UTF8.self), radix: 8) ?? 0
            members.append(Member(name: name, content: Array(bytes[(offset + 512)..<(offset + 512 + size)])))
            offset += 512 + (size + 511) / 512 * 512
        }
        return members
    }

    private static func bytes(_ member: Member) -> [UInt8] {
        var header = [UInt8](repeating: 0, count: 512)
        func put(_ text: String, _ offset: Int) {
            for (index, byte) in text.utf8.enumerated() {
                header[offset + index] = byte
            }
        }
        func octal(_ number: Int, _ digits: Int) -> String {
            let text = String(number, radix: 8)
            return String(repeating: "0", count: digits - text.count) + text
        }
        put(member.name, 0)
        put(octal(0o600, 7), 100)
        put(octal(0, 7), 108)
        put(octal(0, 7), 116)
        put(octal(member.content.count, 11), 124)
        put(octal(0, 11), 136)
        put("        ", 148)
        put(String(member.type), 156)
        put(member.link, 157)
        put("ustar\u{0}00", 257)
        put(octal(header.reduce(0) { $0 + Int($1) }, 6) + "\u{0}", 148)
        let padding = (512 - member.content.count % 512) % 512
        return header + member.content + [UInt8](repeating: 0, count: padding)
    }
}
