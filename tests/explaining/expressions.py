"""Scalar expressions from calculus courses and machine learning, each to be explained in full."""

POLYNOMIALS = """
5
x
3x
x^2
x^3 - 4x^2 + 2
5x^4 - 3x^2 + x - 7
(3x + 1)^4
(x^2 + 1)^3
(2x - 5)(x^2 + 3)
(x + 1)(x - 2)(x + 3)
x^2 (x - 1)^3
x (x + 1)
(x^2 + 3x)^5
0.5x^2 - 0.1x^3
x^10/10
(1 - x)^2 + 100(y - x^2)^2
x*x
x*x*x
-x^3
(x - a)^2 + b
a x^2 + b x + c
"""

QUOTIENTS = """
1/x
1/x^2
x/(x^2 + 1)
(x^2 + 1)/(x - 1)
(x + 1)/(x - 1)
x^3/3
3/(2x + 1)
(2x + 3)/(x^2 - 4)
1/(1 + x^2)
x/(1 + |x|)
(x^2 - 1)/(x^2 + 1)
1/(x ln x)
(a x + b)/(c x + d)
x^(-3)
(x + 1)/x
"""

ROOTS = """
√x
√(x^2 + 1)
x √x
1/√x
x^(2/3)
x^(-1/2)
√(1 - x^2)
x/√(x^2 + 1)
(x^2 + 1)^(3/2)
√(x + √x)
√(ln x)
x^π
x^a
x^2.5
√(x^2 + y^2)
"""

EXPONENTIALS = """
e^x
e^(2x)
e^(-x)
e^(-x^2)
e^(-x^2/2)/√(2π)
x e^x
x^2 e^x
x^2 e^(-x)
e^x/x
(e^x - e^(-x))/2
e^(sin x)
2^x
10^x
2^(3x)
a^x
e^(e^x)
(e^x + 1)^2
e^x (x^2 - 2x + 2)
e^(-λ t)
1/(1 + e^(-x))
expm1(x)
e^(1/x)
x e^(-x^2)
"""

LOGARITHMS = """
ln x
ln(3x)
ln(x^2 + 1)
x ln x
x ln x - x
ln(x)/x
ln(ln x)
(ln x)^2
1/ln x
log_10(x)
log_2(x)
log_3(x)
ln(1 + e^x)
log1p(x)
ln|x|
x^2 ln x
ln((1 + x)/(1 - x))
ln(sin x)
ln(x + √(x^2 + 1))
ln √x
"""

TRIGONOMETRY = """
sin x
cos x
tan x
sin(2x)
sin x cos x
sin^2 x
cos^2 x
sin^2 x + cos^2 x
sin(x)/x
sin(x^2)
cos(3x + 1)
tan(x^2)
sec x
csc x
cot x
x sin x + cos x
sin(cos x)
sin(sin(sin x))
sin(x)/(1 + cos(x))
sin(1/x)
x^2 sin(1/x)
e^x sin x
e^(-x) cos(2x)
√(sin x)
sin(ω t + φ)
tan(x) - x
(sin x)^3
sin(π x)
sin(x)/cos(x)
"""

INVERSE = """
arcsin x
arccos x
arctan x
arctan(2x)
arcsin(x/2)
x arctan x
x arctan x - ln(1 + x^2)/2
arctan(1/x)
arctan √x
arsinh x
arcosh x
artanh x
erfinv(x)
arcsin x + arccos x
"""

HYPERBOLIC = """
sinh x
cosh x
tanh x
tanh(3x)
tanh^2(3x)
sinh x cosh x
cosh^2 x - sinh^2 x
ln(cosh x)
sech x
coth x
x tanh x
"""

LOGARITHMIC_DIFFERENTIATION = """
x^x
x^(2x)
x^(sin x)
(sin x)^x
(x^2 + 1)^x
x^(1/x)
(ln x)^x
"""

CHOICES = """
|x|
|x^2 - 1|
x |x|
max(x, 0)
max(x, 2x - 1)
min(x^2, 1)
where(x > 0, x^2, -x)
where(x < 0, x, sin(x))
sgn(x) x
relu(x)
relu(2x + 1)
relu(x)^2
relu(x) - 0.1 relu(-x)
floor(x) x
where(|x| < 1, x^2/2, |x| - 1/2)
|sin x|
"""

LEARNING = """
σ(x)
σ(w x + b)
x σ(x)
x σ(1.702x)
σ(x)(1 - σ(x))
ln(1 + exp(-y*w*x))
softplus(x)
-ln σ(x)
x tanh(softplus(x))
-y ln(p) - (1 - y) ln(1 - p)
-y ln(σ(w x + b)) - (1 - y) ln(1 - σ(w x + b))
(w x + b - y)^2
(w x + b - y)^2/2 + λ w^2/2
|w x - y|
relu(1 - y w x)
gelu(x)
0.5x (1 + tanh(√(2/π) (x + 0.044715x^3)))
0.5x (1 + erf(x/√2))
erf(x)
silu(x)
log_sigmoid(x)
e^x/(e^x + e^y)
ln(e^x + e^y)
p ln(p/q)
-(x - μ)^2/(2σ^2) - ln(σ) - ln(2π)/2
e^(-(x - μ)^2/(2s^2))/(s √(2π))
-γ (1 - p)^2 ln p
where(x > 0, x, a (e^x - 1))
lgamma(x)
√((x - a)^2 + ε)
w_2 tanh(w_1 x + b_1) + b_2
x/(1 + e^(-β x))
"""

NESTED = """
((x^2 + 1)^2 + 1)^2
e^(sin(x^2))
ln(1 + e^(2x + 1))^2
sin(ln(x^2 + 1))
(x sin x)^2
cos(e^(-x^2))
√(1 + √(1 + x))
tanh(w_2 tanh(w_1 x))
x sin(x) e^x
x^2 e^x sin x
(x^2 + 1)(x^3 - x) e^x
(sin x + cos x)^2/(1 + x^2)
"""

GROUPS = {
    name.lower(): text.strip().splitlines()
    for name, text in list(globals().items())
    if name.isupper() and isinstance(text, str)
}
EXPRESSIONS = [text for group in GROUPS.values() for text in group]
