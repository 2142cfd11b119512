#ifndef QCC_ONNX_OPS
#define QCC_ONNX_OPS
include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/BuiltinAttributeInterfaces.td"
include "mlir/IR/OpBase.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

def Onnx_Dialect : Dialect {
  let name = "onnx";
  let cppNamespace = "::qcc::onnx";
  let summary = "A lossless, checked mirror of an ONNX file";
  let description = [{
    One generic node instead of an operation per ONNX operator: what an operator means is known by its handler (lib/Frontend/Ops), what it
    may look like by ONNX's own schema, which the importer has already checked.

    The graph is a `func.func @main {onnx.graph = "<graph name>"}` (docs/Decisions/2026-11-onnx-graph.md). Arguments and results carry
    `onnx.name` (string) and, when they are tensors, `onnx.dims` (one string a dimension: its symbolic name, "" where it has none).
    The module's `qnt.files` lists the files that `#onnx.bytes` attributes index.

    Types: signed and unsigned integers of ONNX are `iN` and `uiN`, bool is `i1`, a dimension without a known size is `?`, a value
    without a known rank is `tensor<*xT>`. An input that is left out is the result of `onnx.none`; an output that is left out has type `none`.
  }];
  let useDefaultAttributePrinterParser = 1;
  let hasRegionArgAttrVerify = 1;
  let hasRegionResultAttrVerify = 1;
  let extraClassDeclaration = [{
    /// Attribute names on the arguments and results of the graph, and on the graph itself.
    static constexpr llvm::StringLiteral getNameAttrName() { return {"onnx.name"}; }
    static constexpr llvm::StringLiteral getDimsAttrName() { return {"onnx.dims"}; }
    static constexpr llvm::StringLiteral getGraphAttrName() { return {"onnx.graph"}; }
    void registerAttributes();
  }];
}

def Onnx_BytesAttr : AttrDef<Onnx_Dialect, "Bytes", [TypedAttrInterface]> {
  let mnemonic = "bytes";
  let summary = "A tensor that lies in an input file";
  let description = [{
    `type` is how the bytes are stored (ONNX raw layout: little endian, row major, 4-bit elements two a byte with the first in the low half);
    `file` indexes the module's `qnt.files`; `length` is in bytes and equals the type's size. `name` is the initializer's name.
    Example: `#onnx.bytes<"model.embed_tokens.weight", file 0, offset 1024, length 4096> : tensor<32x32xf32>`
  }];
  let parameters = (ins "::mlir::StringAttr":$name, "int64_t":$file, "int64_t":$offset, "int64_t":$length,
    AttributeSelfTypeParameter<"", "::mlir::ShapedType">:$type);
  let assemblyFormat = "`<` $name `,` `file` $file `,` `offset` $offset `,` `length` $length `>`";
  let genVerifyDecl = 1;
}

def Onnx_Value : AnyTypeOf<[AnyTensor, NoneType], "an ONNX value: a tensor, or none where it is left out">;
class Onnx_Op<string name, list<Trait> traits = []> : Op<Onnx_Dialect, name, traits>;

def Onnx_NodeOp : Onnx_Op<"node", [Pure]> {
  let summary = "One node of the graph";
  let description = [{
    `op_type`, `domain` ("" is ai.onnx) and `since` (the version that introduced the operator as it is meant here) name the operator.
    The node's ONNX attributes are this operation's discardable attributes, as written in the file (defaults are not filled in):
    int `i64`, float `f32`, string, ints `array<i64: ...>`, floats `array<f32: ...>`, strings `["a", "b"]`, tensors `dense<...>` or
    `#onnx.bytes`. Subgraphs are not supported. Free of side effects, so that unused nodes vanish; random operators must be refused before.
    Example:
      %1 = onnx.node "Gather"(%table, %ids) {since = 13 : i64, axis = 0 : i64} : (tensor<32x8xf32>, tensor<?xi64>) -> tensor<?x8xf32>
      %2 = onnx.node "Gelu"(%1) {domain = "com.microsoft", since = 1 : i64} : (tensor<?x8xf32>) -> tensor<?x8xf32>
  }];
  let arguments = (ins Variadic<Onnx_Value>:$inputs, StrAttr:$op_type, DefaultValuedStrAttr<StrAttr, "">:$domain, I64Attr:$since);
  let results = (outs Variadic<Onnx_Value>:$outputs);
  let assemblyFormat = "$op_type `(` $inputs `)` attr-dict `:` functional-type($inputs, $outputs)";
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    /// Is this operator `type` of `domain`, in any version?
    bool is(llvm::StringRef type, llvm::StringRef domain = "") { return getOpType() == type && getDomain() == domain; }
    /// The ONNX attribute `name`, or null.
    mlir::Attribute attribute(llvm::StringRef name) { return (*this)->getDiscardableAttr(name); }
    /// The ONNX attribute `name` as that kind; `otherwise` where the node has none (the importer has checked the kind).
    int64_t intAttribute(llvm::StringRef name, int64_t otherwise);
    double floatAttribute(llvm::StringRef name, double otherwise);
    llvm::StringRef stringAttribute(llvm::StringRef name, llvm::StringRef otherwise);
    /// nullopt where the node has no such attribute.
    std::optional<llvm::ArrayRef<int64_t>> intsAttribute(llvm::StringRef name);
    /// Input `index`, or null when it is left out (short list or `onnx.none`).
    mlir::Value input(unsigned index);
    /// Output `index`, or null when it is left out.
    mlir::Value output(unsigned index);
  }];
}

def Onnx_ConstantOp : Onnx_Op<"constant", [Pure, ConstantLike, AllTypesMatch<["value", "result"]>]> {
  let summary = "A small constant, by value";
  let description = [{
    Initializers and Constant nodes of at most 1024 integers of 32 or 64 bits or bools (shapes, axes, masks), or 64 values of another type.
    The codes, scales and zero points of quantized weights are always `onnx.initializer`.
    Example: `%0 = onnx.constant dense<[0, -1]> : tensor<2xi64>`
  }];
  let arguments = (ins ElementsAttr:$value);
  let results = (outs AnyTensor:$result);
  let assemblyFormat = "attr-dict $value";
  let hasFolder = 1;
}

def Onnx_InitializerOp : Onnx_Op<"initializer", [Pure, AllTypesMatch<["value", "result"]>]> {
  let summary = "A large constant, by reference";
  let description = [{
    Example: `%0 = onnx.initializer #onnx.bytes<"w", file 0, offset 64, length 4096> : tensor<32x32xf32>`
  }];
  let arguments = (ins Onnx_BytesAttr:$value);
  let results = (outs AnyTensor:$result);
  let assemblyFormat = "attr-dict qualified($value)";
}

def Onnx_NoneOp : Onnx_Op<"none", [Pure]> {
  let summary = "An optional input that is left out";
  let description = [{ Example: `%0 = onnx.none : none` }];
  let results = (outs NoneType:$result);
  let assemblyFormat = "attr-dict `:` type($result)";
}
#endif
