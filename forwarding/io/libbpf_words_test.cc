#include "forwarding/io/libbpf_words.hpp"

#include <gtest/gtest.h>

#include <cerrno>

namespace tandem::forwarding {
namespace {

TEST(LibbpfWords, ARefusedProgramIsNamedWithTheVerifiersReason) {
  LibbpfWords words;
  words.keep("libbpf: prog 'fast_forward': BPF program load failed: Permission denied\n");
  words.keep(
      "libbpf: prog 'fast_forward': -- BEGIN PROG LOAD LOG --\n"
      "0: R1=ctx(off=0,imm=0) R10=fp0\n"
      "1: (61) r0 = *(u32 *)(r2 +0)\n"
      "R2 invalid mem access 'scalar'\n"
      "processed 2 insns (limit 1000000) max_states_per_insn 0 total_states 0 peak_states 0 mark_read 0\n"
      "-- END PROG LOAD LOG --\n");
  words.keep("libbpf: prog 'fast_forward': failed to load: -13\nlibbpf: failed to load object 'tandem'\n");
  EXPECT_EQ(words.about("loading", -EACCES),
            "loading: the kernel refused the program fast_forward: R2 invalid mem access 'scalar'");
}

TEST(LibbpfWords, ALogWithoutAReasonIsNoTrouble) {
  LibbpfWords words;
  words.keep("libbpf: prog 'fast_tap': -- BEGIN PROG LOAD LOG --\n-- END PROG LOAD LOG --\n");
  EXPECT_EQ(words.about("loading", EINVAL), "loading: the kernel refused the program fast_tap: Invalid argument");
}

TEST(LibbpfWords, TheEndOfAVeryLongLogIsKept) {
  LibbpfWords words;
  words.keep("libbpf: prog 'fast_tap': -- BEGIN PROG LOAD LOG --\n");
  for (int i = 0; i < 10'000; ++i) words.keep("1: (61) r0 = *(u32 *)(r2 +0)\n");
  words.keep("BPF program is too large. Processed 1000001 insn\n-- END PROG LOAD LOG --\n");
  words.keep("libbpf: prog 'fast_tap': failed to load: -7\n");
  EXPECT_EQ(words.about("loading", -E2BIG),
            "loading: the kernel refused a program: BPF program is too large. Processed 1000001 insn");
}

TEST(LibbpfWords, TheKernelsOwnSentenceIsWhatIsSaid) {
  LibbpfWords words;
  words.keep("libbpf: Kernel error message: Specified filter kind does not match existing one\n");
  EXPECT_EQ(words.about("a filter on t0", -EINVAL),
            "a filter on t0: Specified filter kind does not match existing one");
}

TEST(LibbpfWords, AMapThatCouldNotBeMadeIsNamed) {
  LibbpfWords words;
  words.keep("libbpf: Error in bpf_create_map_xattr(fast_flows):Cannot allocate memory(-12). Retrying without BTF.\n");
  words.keep("libbpf: map 'fast_flows': failed to create: Cannot allocate memory(-12)\n");
  words.keep("libbpf: failed to load object 'tandem'\n");
  EXPECT_EQ(words.about("loading", -ENOMEM), "loading: map 'fast_flows': Cannot allocate memory");
}

TEST(LibbpfWords, WithoutWordsTheErrorsNameIsSaid) {
  const LibbpfWords words;
  EXPECT_EQ(words.about("loading", -EBUSY), "loading: Device or resource busy");
  EXPECT_EQ(words.about("loading", -EPERM), "loading: not permitted: CAP_BPF and CAP_NET_ADMIN are needed");
  EXPECT_EQ(words.about("loading", -ENOSYS), "loading: the kernel has no BPF");
}

}  // namespace
}  // namespace tandem::forwarding
