// From attributes and types of the program to what the runtime reads.
#include "lib/Compiler/DescribeProgram.h"
#include "dialects/Quant/Quant.h"
#include "llvm/ADT/DenseSet.h"
#include "llvm/ADT/StringSwitch.h"
using namespace mlir;
using namespace qcc;

static int32_t roleCode(StringRef role) {
  return llvm::StringSwitch<int32_t>(role)
      .Case("tokens", QCC_ROLE_TOKENS)
      .Case("positions", QCC_ROLE_POSITIONS)
      .Case("mask", QCC_ROLE_MASK)
      .Case("logits", QCC_ROLE_LOGITS)
      .Case("past", QCC_ROLE_PAST)
      .Case("present", QCC_ROLE_PRESENT)
      .Default(QCC_ROLE_NONE);
}

/// The elements that a DLPack tensor of a port has; signless integers are signed ones unless `isUnsigned`. A bool takes a byte. Nothing narrower: DLPack
/// packs such elements, code does not.
static std::optional<std::pair<int32_t, int32_t>> portElement(Type element, bool isUnsigned) {
  if (element.isBF16())
    return std::pair(int32_t(QCC_DTYPE_BFLOAT), int32_t(16));
  if (element.isF16() || element.isF32() || element.isF64())
    return std::pair(int32_t(QCC_DTYPE_FLOAT), int32_t(element.getIntOrFloatBitWidth()));
  if (element.isSignlessInteger(1))
    return std::pair(int32_t(QCC_DTYPE_BOOL), int32_t(8));
  if (!element.isInteger() || !llvm::is_contained({8u, 16u, 32u, 64u}, element.getIntOrFloatBitWidth()))
    return std::nullopt;
  return std::pair(int32_t(isUnsigned || element.isUnsignedInteger() ? QCC_DTYPE_UINT : QCC_DTYPE_INT), int32_t(element.getIntOrFloatBitWidth()));
}

static LogicalResult checkPort(func::FuncOp main, Type type, const Twine &what) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  if (!tensor)
    return main.emitOpError() << what << " is no tensor of known rank, but " << type << " [port-type]";
  if (!portElement(tensor.getElementType(), /*isUnsigned=*/false))
    return (main.emitOpError() << what << ": inputs and outputs cannot have elements of " << tensor.getElementType() << " [port-type]").attachNote()
           << "there are f16, bf16, f32, f64, i1, and integers of 8, 16, 32 and 64 bits";
  return success();
}

LogicalResult qcc::checkPorts(func::FuncOp main) {
  bool isGood = true;                                  // all problems at once
  for (auto [i, type] : llvm::enumerate(main.getArgumentTypes()))
    isGood &= isa<qnt::CacheType>(type) || succeeded(checkPort(main, type, "input " + Twine(i)));
  for (auto [i, type] : llvm::enumerate(main.getResultTypes()))
    isGood &= succeeded(checkPort(main, type, "output " + Twine(i)));
  return success(isGood);
}

static FailureOr<ProgramPort> describePort(func::FuncOp main, DictionaryAttr attrs, Type type, llvm::ArrayRef<ProgramDim> dims, const Twine &what) {
  if (failed(checkPort(main, type, what)))
    return failure();
  auto tensor = cast<RankedTensorType>(type);
  ProgramPort port;
  auto name = attrs ? attrs.getAs<StringAttr>("qnt.name") : StringAttr();
  port.name = name ? name.str() : what.str();
  if (auto role = attrs ? attrs.getAs<StringAttr>("qnt.role") : StringAttr())
    port.role = roleCode(role);
  std::tie(port.code, port.bits) = *portElement(tensor.getElementType(), attrs && attrs.contains("qnt.unsigned"));
  auto names = attrs ? attrs.getAs<ArrayAttr>("qnt.dims") : ArrayAttr();
  for (auto [i, extent] : llvm::enumerate(tensor.getShape())) {
    if (!ShapedType::isDynamic(extent)) {
      port.shape.push_back(extent);
      continue;
    }
    StringRef dim = names && i < names.size() ? cast<StringAttr>(names[i]).getValue() : StringRef();
    auto at = llvm::find_if(dims, [&](const ProgramDim &one) { return one.name == dim; });
    if (at == dims.end())
      return main.emitOpError() << what << ": extent " << i << " of " << tensor << " is open, and "
                                << (dim.empty() ? "its attribute qnt.dims has no name for it" : "'" + dim.str() + "' is none of the program's dimensions") << " [unnamed-extent]";
    port.shape.push_back(-1 - (at - dims.begin()));
  }
  return port;
}

FailureOr<ProgramDescription> qcc::describeProgram(ModuleOp module) {
  auto main = module.lookupSymbol<func::FuncOp>("main");
  if (!main)
    return module.emitError("has no function @main to compile");
  ProgramDescription program;
  auto fixed = module->getAttrOfType<DictionaryAttr>("qnt.fixed_dims");
  if (auto dims = module->getAttrOfType<ArrayAttr>("qnt.dims"))
    for (auto dim : dims.getAsRange<StringAttr>()) {
      auto extent = fixed ? fixed.getAs<IntegerAttr>(dim.getValue()) : IntegerAttr();
      program.dims.push_back({dim.str(), extent ? extent.getInt() : 0, ""});
    }
  auto extentOf = [&](Attribute name) {
    int64_t number = 0;
    if (cast<StringAttr>(name).getValue().getAsInteger(10, number))
      number = -1 - (llvm::find_if(program.dims, [&](const ProgramDim &one) { return one.name == cast<StringAttr>(name).getValue(); }) - program.dims.begin());
    return number;
  };
  if (auto pairs = module->getAttrOfType<ArrayAttr>("qnt.equal_dims"))
    for (auto pair : pairs.getAsRange<ArrayAttr>())
      program.equalDims.push_back({extentOf(pair[0]), extentOf(pair[1]), cast<StringAttr>(pair[2]).str()});
  for (unsigned i = 0; i < main.getNumArguments(); ++i) {
    if (isa<qnt::CacheType>(main.getArgument(i).getType())) {
      program.hasState = true;
      continue;
    }
    auto port = describePort(main, main.getArgAttrDict(i), main.getArgument(i).getType(), program.dims, "input " + Twine(i));
    if (failed(port))
      return failure();
    program.inputs.push_back(*port);
  }
  for (unsigned i = 0; i < main.getNumResults(); ++i) {
    auto port = describePort(main, main.getResultAttrDict(i), main.getResultTypes()[i], program.dims, "output " + Twine(i));
    if (failed(port))
      return failure();
    program.outputs.push_back(*port);
  }
  auto number = [&](StringRef name) {
    auto attr = module->getAttrOfType<IntegerAttr>(name);
    return attr ? attr.getInt() : 0;
  };
  // What bounds a sequence: the capacity of the state, or the rows of rotary tables.
  bool bounded = program.hasState;
  module.walk([&](qnt::RotaryOp) { bounded = true; });
  program.maxContext = bounded ? number("qnt.max_context") : 0;
  program.vocabulary = number("qnt.vocabulary");
  llvm::DenseSet<Attribute> read;
  module.walk([&](qnt::WeightOp weight) {
    if (!llvm::all_of(weight->getUsers(), llvm::IsaPred<qnt::GatherOp>))
      read.insert(weight.getDeclAttr().getAttr());
  });
  for (auto decl : module.getOps<qnt::WeightDeclOp>())
    // A token reads every weight but the embedding table, of which it reads a row.
    if (auto layout = decl.getLayout(); layout && read.contains(decl.getSymNameAttr()))
      program.decodeBytes += layout->getBytes();
  return program;
}

ProgramRegion qcc::describeRegion(DictionaryAttr attrs, llvm::ArrayRef<ProgramDim> dims) {
  ProgramRegion region;
  region.kernels = attrs.getAs<StringAttr>("kernels").str();
  region.nodes = attrs.getAs<StringAttr>("nodes").str();
  region.weightBytes = attrs.getAs<IntegerAttr>("weight_bytes").getInt();
  auto macs = attrs.getAs<IntegerAttr>("macs");
  if (!macs)
    return region;
  region.macs = macs.getInt();
  for (auto factor : attrs.getAs<ArrayAttr>("rows").getAsRange<StringAttr>()) {
    auto at = llvm::find_if(dims, [&](const ProgramDim &dim) { return dim.name == factor.getValue(); });
    int64_t extent = 0;
    if (at == dims.end() && factor.getValue().getAsInteger(10, extent))
      region.macs = 0;
    region.rows.push_back(at == dims.end() ? extent : -1 - (at - dims.begin()));
  }
  return region;
}
