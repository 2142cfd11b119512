// What ONNX's schemas cannot say about ONNX Runtime's operators: values of attributes, and attributes against the shapes of weights. Kernels that
// trusted these attributes have read past their weights (ONNX Runtime #29445, #28499); here nothing is trusted.
#include "lib/Frontend/ONNX/CheckModel.h"
#include "lib/Frontend/ONNX/Schemas.h"
#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/MathExtras.h"
using namespace llvm;
using namespace qcc::importer;

namespace {
constexpr int64_t largestBlock = int64_t(1) << 20;
constexpr int64_t largestSize = int64_t(1) << 31; // of one dimension of a weight: products of two and 8 bits stay in 63 bits

class OperatorCheck {
public:
  OperatorCheck(const proto::NodeProto &node, TensorOf tensorOf, const Subject &subject, Problems &problems)
      : node(node), tensorOf(tensorOf), subject(subject), problems(problems) {}
  void matMulNBits();
  void gatherBlockQuantized();
  void attention(bool grouped);
  void rotary();

private:
  int64_t integer(StringRef name, int64_t otherwise) const {
    for (const auto &attribute : node.attribute())
      if (attribute.name() == name)
        return attribute.i();
    return otherwise;
  }
  StringRef string(StringRef name, StringRef otherwise) const {
    for (const auto &attribute : node.attribute())
      if (attribute.name() == name)
        return attribute.s();
    return otherwise;
  }
  bool has(int input) const { return input < node.input_size() && !node.input(input).empty(); }
  std::optional<KnownTensor> tensor(int input) const { return has(input) ? tensorOf(node.input(input)) : std::nullopt; }
  std::optional<std::vector<int64_t>> shape(int input) const {
    std::optional<KnownTensor> known = tensor(input);
    return known ? std::optional(known->dims) : std::nullopt;
  }
  bool fail(Rule rule, const std::string &message, std::vector<std::string> notes = {}) {
    problems.add(rule, subject, message, std::move(notes));
    return false;
  }
  /// 1 <= value <= largest.
  bool inRange(const char *name, int64_t value, int64_t largest = largestSize) {
    return (value >= 1 && value <= largest) ||
           fail(Rule::BadNode, std::string(name) + " = " + std::to_string(value) + " is out of range",
                {"supported here: 1 to " + std::to_string(largest)});
  }
  bool bitsAndBlock(int64_t bits, int64_t block);
  void expectShape(int input, const char *what, std::initializer_list<std::vector<int64_t>> allowed);

  const proto::NodeProto &node;
  TensorOf tensorOf;
  const Subject &subject;
  Problems &problems;
};
} // namespace

static std::string print(ArrayRef<int64_t> dims) {
  std::string text = "[";
  for (int64_t dim : dims)
    text += (text.size() > 1 ? ", " : "") + (dim < 0 ? std::string("?") : std::to_string(dim));
  return text + "]";
}

/// Input `input`, if its shape is known, has one of the allowed ones.
void OperatorCheck::expectShape(int input, const char *what, std::initializer_list<std::vector<int64_t>> allowed) {
  std::optional<std::vector<int64_t>> dims = shape(input);
  if (!dims)
    return;
  auto fits = [](auto pair) { return std::get<1>(pair) < 0 || std::get<0>(pair) == std::get<1>(pair); };
  for (const std::vector<int64_t> &wanted : allowed)
    if (wanted.size() == dims->size() && all_of(zip(wanted, *dims), fits))
      return;
  std::string expected;
  for (const std::vector<int64_t> &wanted : allowed)
    expected += (expected.empty() ? "" : " or ") + print(wanted);
  fail(Rule::AttributeShape, std::string(what) + " have shape " + print(*dims) + ", but the attributes need " + expected);
}

bool OperatorCheck::bitsAndBlock(int64_t bits, int64_t block) {
  bool good = true;
  if (bits != 2 && bits != 4 && bits != 8)
    good = fail(Rule::UnsupportedBits, "bits = " + std::to_string(bits) + " is not supported", {"supported here: 2, 4, 8"});
  if (block < 16 || block > largestBlock || !isPowerOf2_64(static_cast<uint64_t>(block)))
    good = fail(Rule::UnsupportedBlockSize, "block_size = " + std::to_string(block) + " is not supported",
                {"supported here: powers of two, 16 to " + std::to_string(largestBlock)});
  return good;
}

/// B [N, blocks, block_size * bits / 8], scales [N, blocks] or flat, zero points packed like B or one a block.
void OperatorCheck::matMulNBits() {
  int64_t k = integer("K", 0), n = integer("N", 0), bits = integer("bits", 4), block = integer("block_size", 0);
  bool good = inRange("K", k);
  good &= inRange("N", n);
  good &= bitsAndBlock(bits, block);
  if (!good)
    return;
  int64_t blocks = divideCeil(k, block), blob = block * bits / 8;
  int64_t packedZeros = divideCeil(blocks * bits, int64_t(8));
  expectShape(1, "the codes (input 1)", {{n, blocks, blob}, {n, blocks * blob}});
  expectShape(2, "the scales (input 2)", {{n, blocks}, {n * blocks}});
  std::optional<KnownTensor> zeros = tensor(3);
  bool packed = zeros && zeros->type == proto::TensorProto::UINT8;
  int64_t zerosPerRow = packed ? packedZeros : blocks;
  expectShape(3, "the zero points (input 3)", {{n, zerosPerRow}, {n * zerosPerRow}});
  expectShape(4, "the group indices (input 4)", {{k}, {blocks * block}});
  expectShape(5, "the bias values (input 5)", {{n}});
}

void OperatorCheck::gatherBlockQuantized() {
  int64_t bits = integer("bits", 4), block = integer("block_size", 128);
  if (!bitsAndBlock(bits, block))
    return;
  std::optional<std::vector<int64_t>> data = shape(0), scales = shape(2);
  if (!data)
    return;
  int64_t rank = static_cast<int64_t>(data->size());
  for (const char *name : {"gather_axis", "quantize_axis"}) {
    int64_t axis = integer(name, name[0] == 'g' ? 0 : 1);
    if (axis < -rank || axis >= rank) {
      fail(Rule::AttributeShape,
           std::string(name) + " = " + std::to_string(axis) + " names no dimension of the data, which has rank " + std::to_string(rank));
      return;
    }
  }
  if (scales && scales->size() != data->size())
    fail(Rule::AttributeShape,
         "the scales (input 2) have rank " + std::to_string(scales->size()) + ", but the data has rank " + std::to_string(rank));
}

void OperatorCheck::attention(bool grouped) {
  constexpr int64_t mostHeads = 65536;
  int64_t heads = integer("num_heads", 0), kvHeads = grouped ? integer("kv_num_heads", 0) : heads;
  bool good = inRange("num_heads", heads, mostHeads);
  if (grouped)
    good &= inRange("kv_num_heads", kvHeads, mostHeads);
  if (good && heads % kvHeads != 0)
    fail(Rule::BadNode, "num_heads = " + std::to_string(heads) + " is not a multiple of kv_num_heads = " + std::to_string(kvHeads));
  if (grouped && integer("do_rotary", 0) && !(has(7) && has(8)))
    fail(Rule::BadNode, "do_rotary needs the tables of cosines and sines (inputs 7 and 8)");
  for (const char *name : {"k_quant_type", "v_quant_type"})
    if (string(name, "NONE") != "NONE")
      fail(Rule::UnsupportedAttribute, std::string(name) + " = '" + string(name, "").str() + "' is not supported", {"supported here: NONE"});
}

void OperatorCheck::rotary() {
  std::optional<std::vector<int64_t>> cosines = shape(2), sines = shape(3);
  if (cosines && cosines->size() != 2)
    fail(Rule::AttributeShape, "the table of cosines (input 2) has shape " + print(*cosines) + ", but it needs rank 2");
  if (cosines && sines && *cosines != *sines)
    fail(Rule::AttributeShape, "the tables of cosines and sines have different shapes: " + print(*cosines) + " and " + print(*sines));
}

void qcc::importer::checkOperator(const proto::NodeProto &node, TensorOf tensorOf, const Subject &subject, Problems &problems) {
  if (node.domain() != microsoft)
    return;
  OperatorCheck check(node, tensorOf, subject, problems);
  const std::string &name = node.op_type();
  if (name == "MatMulNBits")
    check.matMulNBits();
  else if (name == "GatherBlockQuantized")
    check.gatherBlockQuantized();
  else if (name == "GroupQueryAttention" || name == "MultiHeadAttention" || name == "Attention")
    check.attention(/*grouped=*/name == "GroupQueryAttention");
  else if (name == "RotaryEmbedding")
    check.rotary();
}
