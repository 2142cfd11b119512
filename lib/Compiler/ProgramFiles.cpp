// In memory, `qnt.files` are as seen from the working folder.
#include "lib/Compiler/ProgramFiles.h"
#include "dialects/Quant/Quant.h"
#include "lib/Compiler/DescribeProgram.h"
#include "lib/Compiler/Library.h"
#include "qcc/Base/ExitCodes.h"
#include "qcc/Compiler/Options.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Builders.h"
#include "mlir/Analysis/CallGraph.h"
#include "mlir/Bytecode/BytecodeReader.h"
#include "mlir/Parser/Parser.h"
#include "llvm/ADT/SCCIterator.h"
#include "llvm/Support/ConvertUTF.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/SourceMgr.h"
#include <filesystem>
using namespace mlir;
using namespace qcc;

/// Writes into `qnt.files` how the input files are found from `folder`; "" is the working folder. Relative paths: a folder may be moved as a whole, and
/// the text does not depend on where it was written.
static void nameFiles(ModuleOp program, const SourceFiles &sources, StringRef folder) {
  if (!program->hasAttr("qnt.files"))
    return;
  namespace stdfs = std::filesystem;
  std::error_code code;
  std::vector<std::string> names;
  for (int64_t i = 0; i < sources.count(); ++i) {
    stdfs::path file = sources.name(i).str(), relative = file;
    if (!folder.empty()) {                             // links are followed, but for the file's own: ".." leads out of where a folder really is
      stdfs::path real = stdfs::canonical(stdfs::absolute(file).parent_path(), code) / file.filename();
      relative = real.lexically_relative(stdfs::canonical(folder.str(), code));
    }
    names.push_back((relative.empty() || code ? file : relative).generic_string());
  }
  std::vector<StringRef> references(names.begin(), names.end());
  program->setAttr("qnt.files", OpBuilder(program.getContext()).getStrArrayAttr(references));
}

static int mapWeights(ModuleOp program, StringRef input, SourceFiles &sources) {
  auto names = program->getAttrOfType<ArrayAttr>("qnt.files");
  if (!names)
    return ExitSuccess;
  for (auto name : names.getAsRange<StringAttr>()) {
    llvm::SmallString<128> path = llvm::sys::path::parent_path(input);
    llvm::sys::path::append(path, name.getValue());
    auto file = mapFile(path, std::numeric_limits<int64_t>::max());
    if (!file) {
      std::string why = path.str().contains('#') ? "its values are numbers inside the ONNX file, which has to be compiled itself" : file.getError().message();
      return complain(ExitInput, "cannot read '" + path + "', which '" + input + "' refers to: " + why);
    }
    sources.add(path.str().str(), std::move(*file));
  }
  return ExitSuccess;
}

/// Calls are followed back to the first one, which a function that calls itself has not.
static LogicalResult refuseRecursion(ModuleOp program) {
  CallGraph graph(program);
  for (auto component = llvm::scc_begin<const CallGraph *>(&graph); !component.isAtEnd(); ++component)
    if (component.hasCycle())
      return component->front()->getCallableRegion()->getParentOp()->emitOpError("calls itself, directly or through others: programs have no recursion [recursion]");
  return success();
}

/// Text or bytecode, or null after a message. A byte order mark of UTF-8, as editors leave it, is no part of the text.
static std::unique_ptr<llvm::MemoryBuffer> readBytes(StringRef input, int &code) {
  auto buffer = llvm::MemoryBuffer::getFileOrSTDIN(input);
  if (!buffer) {
    code = complain(ExitInput, "cannot read '" + input + "': " + buffer.getError().message());
    return nullptr;
  }
  StringRef text = (*buffer)->getBuffer();
  if (llvm::hasUTF16ByteOrderMark(llvm::ArrayRef(text.data(), text.size()))) {
    code = complain(ExitMalformed, "'" + input + "' is text in UTF-16; MLIR is in UTF-8");
    return nullptr;
  }
  // An ONNX model begins with a field of its message, and may have weights in files beside it.
  bool hasMark = text.consume_front("\xEF\xBB\xBF");
  if (input == "-" && !text.empty() && !isBytecode(**buffer) && !llvm::isPrint(text[0]) && !llvm::isSpace(text[0])) {
    code = complain(ExitMalformed, "standard input holds no MLIR; ONNX models are read from files: qcc model.onnx");
    return nullptr;
  }
  return hasMark ? llvm::MemoryBuffer::getMemBufferCopy(text, (*buffer)->getBufferIdentifier()) : std::move(*buffer);
}

/// Stages up to quant print what is there; later ones compile @main.
static LogicalResult refuseEmpty(ModuleOp program, const CompilerOptions &options) {
  if (program.getBody()->empty())
    return program.emitError("holds no program");
  auto main = program.lookupSymbol<func::FuncOp>("main");
  if (options.compileTo > Stage::Quant && (!main || main.isExternal()))
    return program.emitError("has no function @main to compile");
  return success();
}

/// A library's inputs and outputs are tensors of numbers, whatever the stage that the program is at.
static LogicalResult refusePorts(ModuleOp program) {
  auto main = program.lookupSymbol<func::FuncOp>("main");
  return main ? checkPorts(main) : success();
}

/// Code asks for extents by name, which the graph stage takes from inputs.
static LogicalResult refuseUnnamed(ModuleOp program, const CompilerOptions &options) {
  auto main = program.lookupSymbol<func::FuncOp>("main");
  bool isGood = true;                                  // all problems at once
  for (unsigned i = 0; main && options.compileTo > Stage::Quant && i < main.getNumArguments(); ++i) {
    auto tensor = dyn_cast<RankedTensorType>(main.getArgument(i).getType());
    auto names = main.getArgAttrOfType<ArrayAttr>(i, "qnt.dims");
    for (int64_t axis = 0; tensor && axis < tensor.getRank(); ++axis)
      if (tensor.isDynamicDim(axis) && !(names && axis < int64_t(names.size()) && isa<StringAttr>(names[axis]))) {
        main.emitOpError() << "input " << i << ": extent " << axis << " of " << tensor << " is open, and the argument's attribute qnt.dims has no name for it [unnamed-extent]";
        isGood = false;
      }
  }
  return success(isGood);
}

int qcc::readProgram(const CompilerOptions &options, MLIRContext &context, SourceFiles &sources, OwningOpRef<ModuleOp> &program) {
  if (!options.shapes.empty())
    return complain(ExitUsage, "--shape fixes inputs of ONNX models; '" + options.input + "' is MLIR [bad-option]");
  int code = ExitSuccess;
  std::unique_ptr<llvm::MemoryBuffer> buffer = readBytes(options.input, code);
  if (!buffer)
    return code;
  llvm::SourceMgr manager;
  manager.AddNewSourceBuffer(std::move(buffer), {});
  program = parseSourceFile<ModuleOp>(manager, &context);
  if (!program || failed(refuseEmpty(*program, options)) || failed(refuseRecursion(*program)))
    return ExitMalformed;
  if (failed(refusePorts(*program)))
    return ExitUnsupported;
  if (failed(refuseUnnamed(*program, options)))
    return ExitMalformed;
  bool hasState = llvm::any_of(program->getOps<func::FuncOp>(), [](func::FuncOp function) {
    return function.isPublic() && llvm::any_of(function.getArgumentTypes(), [](Type type) { return isa<qnt::CacheType>(type); });
  });
  if (hasState && (!options.kvState || options.maxContext))
    return complain(ExitUsage, "--kv-cache and --max-context are decided by the graph stage; '" + options.input + "' is past it [bad-option]");
  if (int code = mapWeights(*program, options.input, sources))
    return code;
  nameFiles(*program, sources, "");
  return ExitSuccess;
}

void qcc::printProgram(ModuleOp program, const SourceFiles &sources, StringRef path, llvm::raw_ostream &out) {
  StringRef folder = llvm::sys::path::parent_path(path);
  nameFiles(program, sources, folder.empty() ? "." : folder);
  program.print(out);
  nameFiles(program, sources, "");
}
