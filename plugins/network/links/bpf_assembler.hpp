// Instructions of a BPF program (kernel: Documentation/bpf/standardization/instruction-set.rst) with jumps to
// labels.
#pragma once

#include <cstdint>
#include <linux/bpf.h>
#include <map>
#include <string>
#include <vector>

namespace nacre::links {

class BpfAssembler {
public:
  using Register = std::uint8_t;

  void set(Register to, std::int32_t value) { add(BPF_ALU64 | BPF_MOV | BPF_K, to, 0, 0, value); }
  void copy(Register to, Register from) { add(BPF_ALU64 | BPF_MOV | BPF_X, to, from, 0, 0); }
  void increase(Register to, std::int32_t value) { add(BPF_ALU64 | BPF_ADD | BPF_K, to, 0, 0, value); }
  void mask(Register to, std::int32_t value) { add(BPF_ALU64 | BPF_AND | BPF_K, to, 0, 0, value); }
  // `size`: BPF_B, BPF_H or BPF_W.
  void load(std::uint8_t size, Register to, Register address, std::int16_t offset) {
    add(static_cast<std::uint8_t>(BPF_LDX | BPF_MEM | size), to, address, offset, 0);
  }
  void store_byte(Register address, std::int16_t offset, std::uint8_t value) {
    add(BPF_ST | BPF_MEM | BPF_B, address, 0, offset, value);
  }
  void call(std::int32_t helper) { add(BPF_JMP | BPF_CALL, 0, 0, 0, helper); }
  void leave() { add(BPF_JMP | BPF_EXIT, 0, 0, 0, 0); }

  void jump(const std::string& label) { jump(BPF_JA, 0, 0, label); }
  void jump_if_equal(Register left, std::int32_t right, const std::string& label) {
    jump(BPF_JEQ | BPF_K, left, right, label);
  }
  void jump_unless_equal(Register left, std::int32_t right, const std::string& label) {
    jump(BPF_JNE | BPF_K, left, right, label);
  }
  void label(const std::string& name) { labels_[name] = code_.size(); }

  // With every jump resolved; throws std::out_of_range for a label that is nowhere.
  std::vector<bpf_insn> code() const {
    auto code = code_;
    for (const auto& [at, label] : jumps_)
      code[at].off = static_cast<std::int16_t>(labels_.at(label) - at - 1);
    return code;
  }

private:
  void add(std::uint8_t operation, Register to, Register from, std::int16_t offset, std::int32_t value) {
    bpf_insn instruction{};
    instruction.code = operation;
    instruction.dst_reg = to & 0xf;
    instruction.src_reg = from & 0xf;
    instruction.off = offset;
    instruction.imm = value;
    code_.push_back(instruction);
  }
  void jump(std::uint8_t condition, Register left, std::int32_t right, const std::string& label) {
    jumps_.emplace_back(code_.size(), label);
    add(static_cast<std::uint8_t>(BPF_JMP | condition), left, 0, 0, right);
  }

  std::vector<bpf_insn> code_;
  std::vector<std::pair<std::size_t, std::string>> jumps_;
  std::map<std::string, std::size_t> labels_;
};

} // namespace nacre::links
