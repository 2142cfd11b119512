// Builds qcc_program_data, field by field in Program.h's order. A change of those structs raises QCC_PROGRAM_VERSION and edits this file.
#include "qcc/Target/ProgramTable.h"
#include "llvm/IR/Constants.h"
#include "llvm/IR/DerivedTypes.h"
#include "llvm/IR/GlobalVariable.h"
#include "llvm/IR/Module.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Target/TargetMachine.h"
using namespace llvm;
using namespace qcc;

/// The bytes of a file as a page-aligned symbol, copied by the assembler and never held in memory as a constant. On x86-64 the section is a large
/// one (SHF_X86_64_LARGE): it lies behind everything that addresses within 2 GB must reach.
static Constant *embedFile(Module &module, StringRef symbol, StringRef section, StringRef path) {
  std::string escaped;
  for (char c : path) {
    if (c == '"' || c == '\\')
      escaped += '\\';
    escaped += c;
  }
  module.appendModuleInlineAsm(".section " + section.str() + ",\"" + (module.getTargetTriple().getArch() == Triple::x86_64 ? "al" : "a") + "\",@progbits\n.balign 4096\n.hidden " + symbol.str() + "\n.globl " + symbol.str() + "\n" + symbol.str() +
                               ":\n.incbin \"" + escaped + "\"\n.previous");
  auto *global = new GlobalVariable(module, Type::getInt8Ty(module.getContext()), true, GlobalValue::ExternalLinkage, nullptr, symbol);
  global->setVisibility(GlobalValue::HiddenVisibility);
  return global;
}

namespace {
class TableBuilder {
public:
  explicit TableBuilder(Module &module) : module(module), context(module.getContext()), pointer(PointerType::get(context, 0)) {}

  Constant *i32(int64_t value) { return ConstantInt::get(Type::getInt32Ty(context), value, true); }
  Constant *i64(uint64_t value) { return ConstantInt::get(Type::getInt64Ty(context), value); }
  Constant *null() { return ConstantPointerNull::get(pointer); }
  /// A struct of Program.h: as many bytes as the runtime takes it to have.
  template <typename T> Constant *record(ArrayRef<Constant *> fields) {
    Constant *made = ConstantStruct::getAnon(context, fields);
    assert(module.getDataLayout().getTypeAllocSize(made->getType()) == sizeof(T) && "the code generator and Program.h disagree");
    return made;
  }

  /// A pointer to private constant data.
  Constant *data(Constant *value) {
    auto *global = new GlobalVariable(module, value->getType(), true, GlobalValue::PrivateLinkage, value, "table");
    global->setUnnamedAddr(GlobalValue::UnnamedAddr::Global);
    return global;
  }
  /// A pointer to a section of its own, where tools find it without running the artifact.
  Constant *textIn(StringRef section, StringRef value) {
    auto *global = cast<GlobalVariable>(text(value));
    global->setSection(section);
    return global;
  }
  Constant *text(StringRef value) { return data(ConstantDataArray::getString(context, value)); }
  Constant *array(ArrayRef<Constant *> values) {
    return values.empty() ? null() : data(ConstantArray::get(ArrayType::get(values.front()->getType(), values.size()), values));
  }
  Constant *function(StringRef symbol, FunctionType *type) {
    if (symbol.empty())
      return null();
    auto *f = cast<Function>(module.getOrInsertFunction(symbol, type).getCallee());
    f->setVisibility(GlobalValue::HiddenVisibility);
    return f;
  }

  /// Extents, or factors of a number of rows.
  Constant *extents(ArrayRef<int64_t> list) {
    SmallVector<Constant *> values;
    for (int64_t extent : list)
      values.push_back(i64(extent));
    return array(values);
  }
  Constant *ports(ArrayRef<ProgramPort> list) {
    SmallVector<Constant *> records;
    for (const ProgramPort &port : list)
      records.push_back(record<qcc_port>({text(port.name), i32(port.code), i32(port.bits), i32(port.role), i32(port.shape.size()), extents(port.shape)}));
    return array(records);
  }
  Constant *regions(ArrayRef<ProgramRegion> list) {
    SmallVector<Constant *> records;
    for (const ProgramRegion &region : list)
      records.push_back(record<qcc_region>({text(region.kernels), text(region.nodes), i64(region.weightBytes), i64(region.macs), extents(region.rows),
                                i64(region.rows.size())}));
    return array(records);
  }
  Constant *launches(ArrayRef<ProgramLaunch> list) {
    SmallVector<Constant *> records;
    for (const ProgramLaunch &launch : list)
      records.push_back(record<qcc_launch>({i64(launch.kernel), extents(launch.params)}));
    return array(records);
  }
  Constant *device(const ProgramDevice &device) {
    SmallVector<Constant *> kernels;
    for (const ProgramKernel &kernel : device.kernels)
      kernels.push_back(record<qcc_kernel>({text(kernel.name), i64(kernel.threads), i64(kernel.scratchBytes), i64(kernel.numParams), i64(kernel.waits), i64(kernel.shares), i64(kernel.cluster)}));
    // One image a version: its symbol is numbered.
    std::string number = std::to_string(numImages++);
    uint64_t bytes = 0;
    (void)sys::fs::file_size(device.image, bytes);
    Constant *image = embedFile(module, "qcc_device_image" + number, QCC_DEVICE_SECTION, device.image);
    Constant *binary = device.binary.empty() ? null() : embedFile(module, "qcc_device_binary" + number, QCC_DEVICE_SECTION, device.binary);
    return data(record<qcc_device>({image, i64(bytes), binary, i64(device.capability), i64(device.exact), i64(device.driver), array(kernels), i64(kernels.size())}));
  }
  Constant *variants(ArrayRef<ProgramVariant> list) {
    auto *run = FunctionType::get(Type::getVoidTy(context), {pointer, Type::getInt64Ty(context)}, false);
    SmallVector<Constant *> records;
    for (const ProgramVariant &variant : list) {
      SmallVector<Constant *> entries;
      for (const ProgramEntry &entry : variant.entries)
        entries.push_back(record<qcc_entry>({text(entry.name), i64(entry.minRows), i64(entry.maxRows), function(entry.run, run), function(entry.arenaBytes, sizeFunction()),
                                  launches(entry.launches), i64(entry.launches.size())}));
      records.push_back(record<qcc_variant>({text(variant.name), i64(variant.features), array(entries), i64(entries.size()), regions(variant.regions),
                                i64(variant.regions.size()), variant.device ? device(*variant.device) : null()}));
    }
    return array(records);
  }
  /// int64_t(const int64_t *dims)
  FunctionType *sizeFunction() { return FunctionType::get(Type::getInt64Ty(context), {pointer}, false); }

  Module &module;
  LLVMContext &context;
  PointerType *pointer;
  unsigned numImages = 0;
};
} // namespace

std::unique_ptr<Module> qcc::buildProgramTable(const ProgramDescription &program, LLVMContext &context, TargetMachine &machine) {
  auto module = std::make_unique<Module>("qcc_program", context);
  module->setDataLayout(machine.createDataLayout());
  module->setTargetTriple(machine.getTargetTriple());
  TableBuilder b(*module);
  SmallVector<Constant *> dims;
  for (const ProgramDim &dim : program.dims)
    dims.push_back(b.record<qcc_dim>({b.text(dim.name), b.i64(dim.fixed), b.function(dim.value, b.sizeFunction())}));
  SmallVector<Constant *> equal;
  for (const ProgramEqualDims &pair : program.equalDims)
    equal.push_back(b.record<qcc_equal_dims>({b.i64(pair.left), b.i64(pair.right), b.text(pair.node)}));
  uint32_t flags = (program.hasState ? 1 : 0) | (program.embeddedWeights.empty() ? 0 : 2);
  Constant *weights = program.embeddedWeights.empty() ? b.null() : embedFile(*module, "qcc_embedded_weights", QCC_WEIGHTS_SECTION, program.embeddedWeights);
  Constant *table = b.record<qcc_program>({
      b.i32(QCC_PROGRAM_VERSION), b.i32(flags),
      b.ports(program.inputs), b.ports(program.outputs), b.i64(program.inputs.size()), b.i64(program.outputs.size()),
      b.array(dims), b.i64(program.dims.size()), b.array(equal), b.i64(equal.size()),
      b.variants(program.variants), b.i64(program.variants.size()),
      b.function(program.stateBytes, b.sizeFunction()),
      b.i64(program.maxContext), b.i64(program.vocabulary), b.i64(program.weightsBytes),
      ConstantDataArray::get(context, ArrayRef<uint8_t>(program.weightsId)),
      weights, b.textIn(QCC_MANIFEST_SECTION, program.manifest), b.i64(program.manifest.size()), b.i64(program.decodeBytes)});
  auto *global = new GlobalVariable(*module, table->getType(), true, GlobalValue::ExternalLinkage, table, "qcc_program_data");
  global->setVisibility(GlobalValue::HiddenVisibility);
  return module;
}
