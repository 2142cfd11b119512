#ifndef QCC_QUANT_BASE
#define QCC_QUANT_BASE
include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/EnumAttr.td"
include "mlir/IR/OpBase.td"

def Qnt_Dialect : Dialect {
  let name = "qnt";
  let cppNamespace = "::qcc::qnt";
  let summary = "Quantized tensors and the operations of a transformer";
  let description = [{
    What the model is, once exporters' shape arithmetic is gone: embedding, norm, matmul, rotary, attention, gated MLP, and the
    quantized tensor types. Activations are float tensors `[batch, sequence, channels]`; heads are slices of the channels
    (head h of dimension D is channels `h*D .. h*D+D-1`), never a dimension of their own. Weights are `[N = out, K = in]`.
    The namespace is `qnt` because upstream owns `quant`.
  }];
  let useDefaultTypePrinterParser = 1;
  let useDefaultAttributePrinterParser = 1;
  let extraClassDeclaration = "void registerTypesAndAttributes();";
}

/// The first result has the leading extents of the first operand: all but its own last one.
def Qnt_KeepsRows : NativeOpTrait<"KeepsRows"> { let cppNamespace = "::qcc::qnt"; }

class Qnt_Enum<string name, string summary, list<I32EnumAttrCase> cases> : I32EnumAttr<name, summary, cases> {
  let cppNamespace = "::qcc::qnt";
  let genSpecializedAttr = 0;
}
def Qnt_NormKindEnum : Qnt_Enum<"NormKind", "normalization", [
  I32EnumAttrCase<"Rms", 0, "rms">, I32EnumAttrCase<"Layer", 1, "layer">]>;
def Qnt_NormKind : EnumAttr<Qnt_Dialect, Qnt_NormKindEnum, "norm_kind">;
def Qnt_ActivationEnum : Qnt_Enum<"Activation", "activation function", [
  I32EnumAttrCase<"None", 0, "none">, I32EnumAttrCase<"Silu", 1, "silu">, I32EnumAttrCase<"Gelu", 2, "gelu">,
  I32EnumAttrCase<"GeluTanh", 3, "gelu_tanh">, I32EnumAttrCase<"Relu", 4, "relu">]>;
def Qnt_Activation : EnumAttr<Qnt_Dialect, Qnt_ActivationEnum, "activation">;
def Qnt_WeightLayoutEnum : Qnt_Enum<"WeightLayout", "how a weight lies in the weights file", [
  I32EnumAttrCase<"Plain", 0, "plain">, I32EnumAttrCase<"Rows", 1, "rows">, I32EnumAttrCase<"Panels", 2, "panels">,
  I32EnumAttrCase<"Components", 3, "components">]>;
def Qnt_ElementEnum : Qnt_Enum<"Element", "what a code means", [
  I32EnumAttrCase<"Int", 0, "int">, I32EnumAttrCase<"Table", 1, "table">]>;
def Qnt_RotaryFunctionEnum : Qnt_Enum<"RotaryFunction", "function of a rotary table", [
  I32EnumAttrCase<"Cos", 0, "cos">, I32EnumAttrCase<"Sin", 1, "sin">]>;
def Qnt_ScaleKindEnum : Qnt_Enum<"ScaleKind", "how a scale is stored", [
  I32EnumAttrCase<"F16", 0, "f16">, I32EnumAttrCase<"F32", 1, "f32">, I32EnumAttrCase<"BF16", 2, "bf16">,
  I32EnumAttrCase<"E8M0", 3, "e8m0">, I32EnumAttrCase<"E4M3", 4, "e4m3">, I32EnumAttrCase<"Dynamic8", 5, "dynamic8">]>;
def Qnt_ZeroKindEnum : Qnt_Enum<"ZeroKind", "zero point", [
  I32EnumAttrCase<"None", 0, "none">, I32EnumAttrCase<"Int", 1, "int">, I32EnumAttrCase<"Float", 2, "float">, I32EnumAttrCase<"Min", 3, "min">,
  I32EnumAttrCase<"Shift", 4, "shift">]>;
#endif
