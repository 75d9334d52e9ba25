// Reads formulas as a JSON list from stdin; writes what KaTeX or MathJax refuse as a JSON list of
// [program, formula, message]. KaTeX runs in strict mode; MathJax only with the AMS extension.

const katex = require("katex");
const { mathjax } = require("mathjax-full/js/mathjax.js");
const { TeX } = require("mathjax-full/js/input/tex.js");
const { STATE } = require("mathjax-full/js/core/MathItem.js");
const { liteAdaptor } = require("mathjax-full/js/adaptors/liteAdaptor.js");
const { RegisterHTMLHandler } = require("mathjax-full/js/handlers/html.js");
require("mathjax-full/js/input/tex/ams/AmsConfiguration.js");

RegisterHTMLHandler(liteAdaptor());
const tex = new TeX({
  packages: ["base", "ams"],
  formatError: (_, error) => {
    throw error;
  },
});
const page = mathjax.document("", { InputJax: tex });

const refused = [];
for (const formula of JSON.parse(require("fs").readFileSync(0, "utf8"))) {
  try {
    katex.renderToString(formula, { strict: "error", throwOnError: true, displayMode: true });
  } catch (error) {
    refused.push(["KaTeX", formula, error.message]);
  }
  try {
    page.convert(formula, { display: true, end: STATE.COMPILED });
  } catch (error) {
    refused.push(["MathJax", formula, error.message]);
  }
}
process.stdout.write(JSON.stringify(refused));
