//! Pages as they are saved, of sites in memory.

use super::*;

const PAGE: &str = "http://h/d/page.html";

/// A page of a site: paths with their media type and body. What is not there is missing.
fn page_of(site: &[(&str, &str, &str)], omit: &str) -> Page {
    page_in_order(site, omit, false)
}

/// The same, with responses in the order of requests or in the other.
fn page_in_order(site: &[(&str, &str, &str)], omit: &str, reversed: bool) -> Page {
    let find = |url: &Url| {
        let found = site.iter().find(|(path, ..)| url.path() == *path && url.host_str() == Some("h"));
        let (_, content_type, body) = found.ok_or("the server answered 404 Not Found")?;
        let content_type = Some((*content_type).to_owned()).filter(|kind| !kind.is_empty());
        Ok(Resource {
            url: url.clone(),
            content_type,
            nosniff: false,
            frame_options: None,
            policy: None,
            allowed_origin: None,
            body: body.as_bytes().to_vec(),
        })
    };
    let omit = if omit.is_empty() { Omit::default() } else { omit.parse().expect("kinds") };
    let mut page = Page::new(&find(&Url::parse(PAGE).expect("a URL")).expect("there"), omit);
    loop {
        let mut requests = page.take_requests();
        if reversed {
            requests.reverse();
        }
        if requests.is_empty() {
            assert!(page.is_complete());
            return page;
        }
        requests.iter().for_each(|request| page.add(request, find(&request.url).map_err(str::to_owned)));
    }
}

/// What is saved of a page, but for what every page gets.
fn saved(html: &str, others: &[(&str, &str, &str)]) -> String {
    let site = [&[("/d/page.html", "text/html", html)], others].concat();
    let text = page_of(&site, "").render(u64::MAX).expect("small");
    let head = format!(
        "<meta charset=\"utf-8\"><meta http-equiv=\"Content-Security-Policy\" content=\"{}\">",
        policy::policy(Omit::default())
    );
    let comment = format!("<!-- saved from url=(0020){PAGE} -->");
    text.replace(&comment, "")
        .replace(&head, "")
        .replace(&format!("<script>{}</script>", policy::NAVIGATION_GUARD), "")
        .trim()
        .to_owned()
}

const GIF: &str = "GIF89a";
const GIF_URL: &str = "data:image/gif,GIF89a";

#[test]
fn what_a_browser_would_request_is_in_the_page() {
    let others = [("/d/a.gif", "image/gif", GIF), ("/d/a.css", "text/css", "b{c:d}"), ("/d/a.js", "text/javascript", "f()")];
    for (html, wanted) in [
        ("<img src=a.gif>", "<img src=\"[gif]\">"),
        ("<img src='a.gif' alt=x>", "<img src=\"[gif]\" alt=x>"),
        ("<img src=a.gif#f>", "<img src=\"[gif]#f\">"),
        ("<img srcset='a.gif 1x, /d/b.gif 2x'>", "<img srcset=\"[gif] 1x\">"),
        ("<picture><source srcset=a.gif></picture>", "<picture><source srcset=\"[gif]\"></picture>"),
        ("<img data-src=a.gif>", "<img data-src=\"[gif]\">"),
        ("<p data-bg=a.gif>", "<p data-bg=\"[gif]\">"),
        ("<link rel=stylesheet href=a.css>", "<link rel=stylesheet href=\"data:text/css,b{c:d}\">"),
        (
            "<link rel='alternate stylesheet' title=x href=a.css>",
            "<link rel='alternate stylesheet' title=x href=\"data:text/css,b{c:d}\">",
        ),
        ("<link rel='shortcut icon' href=a.gif>", "<link rel='shortcut icon' href=\"[gif]\">"),
        ("<style>a{b:url(a.gif)}</style>", "<style>a{b:url(\"[gif]\")}</style>"),
        ("<style>@import 'a.css' print;</style>", "<style>@import url(\"data:text/css,b{c:d}\") print;</style>"),
        ("<p style='b:url(a.gif)'>", "<p style=\"b:url(&quot;[gif]&quot;)\">"),
        ("<script defer src=a.js></script>", "<script defer src=\"data:text/javascript,f()\"></script>"),
        ("<input type=image src=a.gif>", "<input type=image src=\"[gif]\">"),
        ("<body background=a.gif>", "<body background=\"[gif]\">"),
        ("<video poster=a.gif>", "<video poster=\"[gif]\">"),
        ("<object data=a.gif></object>", "<object data=\"[gif]\"></object>"),
        ("<svg><image xlink:href=a.gif /></svg>", "<svg><image xlink:href=\"[gif]\" /></svg>"),
        ("<svg><rect fill='url(a.gif#x)'/></svg>", "<svg><rect fill=\"url(&quot;[gif]#x&quot;)\"/></svg>"),
        ("<noscript><img src=a.gif></noscript>", "<noscript><img src=\"[gif]\"></noscript>"),
        ("<template><img src=a.gif></template>", "<template><img src=\"[gif]\"></template>"),
        ("<iframe srcdoc='<img src=&quot;a.gif&quot;>'></iframe>", "<iframe srcdoc=\"&lt;img src=&quot;[gif]&quot;>\"></iframe>"),
        ("<base href=/d/><img src=a.gif>", "<base ><img src=\"[gif]\">"),
    ] {
        assert_eq!(saved(html, &others), wanted.replace("[gif]", GIF_URL), "{html}");
    }
}

#[test]
fn what_the_page_has_in_it_may_refer_to_more() {
    let others = [("/d/a.gif", "image/gif", GIF), ("/d/a.css", "text/css", "b{c:d}")];
    for (html, wanted) in [
        (
            "<link rel=stylesheet href='data:text/css,@import %22http://h/d/a.css%22;'>",
            "<link rel=stylesheet href=\"data:text/css;charset=utf-8,@import url(%22data:text/css,b{c:d}%22);\">",
        ),
        (
            "<iframe src='data:text/html,<img src=http://h/d/a.gif>'></iframe>",
            "<iframe src=\"data:text/html;charset=utf-8,%3Cimg src=%22data:image/gif,GIF89a%22%3E\"></iframe>",
        ),
        ("<iframe src='data:text/html,<img src=a.gif>'></iframe>", "<iframe src='data:text/html,<img src=a.gif>'></iframe>"),
        ("<iframe src='data:,x'></iframe><img src='DATA:,x'>", "<iframe src='data:,x'></iframe><img src='DATA:,x'>"),
    ] {
        assert_eq!(saved(html, &others), wanted);
    }
}

#[test]
fn what_is_no_asset_stays_as_it_is() {
    for html in [
        "<img src=''><img src=\"#a\"><img src=data:,x><img><img alt=\"a.gif\">",
        "<!--[if IE]><img src=a.gif><![endif]-->",
        "<script>var a = '<img src=a.gif>';</script>",
        "<textarea><img src=a.gif></textarea>",
        "<a href=#x>a</a><a href='javascript:f()'>b</a><a href=http://other/x>c</a><a href=mailto:a@b>",
        "<p STYLE=color:red Class=x>&nbsp;&copy;</P\n>",
        "<script type=text/template src=></script>",
    ] {
        assert_eq!(saved(html, &[]), html);
    }
}

#[test]
fn links_lead_to_where_they_led() {
    for (html, wanted) in [
        ("<a href=b.html>", "<a href=\"http://h/d/b.html\">"),
        ("<a href='?a=1&amp;b=2'>", "<a href=\"http://h/d/page.html?a=1&amp;b=2\">"),
        ("<a href=page.html#x>", "<a href=\"#x\">"),
        ("<base href=http://o/><a href=#x>", "<base ><a href=\"http://o/#x\">"),
        ("<form action=/s>", "<form action=\"http://h/s\">"),
        ("<form action=''>", "<form action=\"http://h/d/page.html\">"),
        ("<area href=//o/x>", "<area href=\"http://o/x\">"),
        ("<link rel=canonical href=/c>", "<link rel=canonical href=\"http://h/c\">"),
    ] {
        assert_eq!(saved(html, &[]), wanted, "{html}");
    }
}

#[test]
fn what_cannot_be_had_is_an_absolute_url_and_is_reported() {
    let html =
        "<!DOCTYPE html><img src=a.gif><link rel=stylesheet href=a.css><img srcset='a.gif 2x'><style>a{b:url(c.png)}</style>";
    let site = [("/d/page.html", "text/html", html), ("/d/a.css", "text/html", "<p>not found")];
    let page = page_of(&[site[0], site[1]], "");
    let text = page.render(u64::MAX).expect("small");
    for wanted in
        ["src=\"http://h/d/a.gif\"", "href=\"http://h/d/a.css\"", "srcset=\"http://h/d/a.gif 2x\"", "url(\"http://h/d/c.png\")"]
    {
        assert!(text.contains(wanted), "{wanted}: {text}");
    }
    let missing: Vec<String> = page.missing().iter().map(|(url, why)| format!("{}: {why}", url.path())).collect();
    let not_found = "the server answered 404 Not Found";
    assert_eq!(
        missing,
        ["/d/a.css: not a style sheet: text/html".into(), format!("/d/a.gif: {not_found}"), format!("/d/c.png: {not_found}")]
    );
    assert_eq!(page.counts(), (3, 0));
}

#[test]
fn nothing_leads_away_or_tells_that_the_page_is_opened() {
    let html = "<link rel=preconnect href=//o><meta http-equiv=Refresh content='0;url=/x'><meta http-equiv=content-security-policy                     content=x><link rel=dns-prefetch href=//o><link rel=modulepreload href=a.js><link rel=stylesheet integrity=x href=a.css>";
    assert_eq!(saved(html, &[("/d/a.css", "text/css", "b{}")]), "<link rel=stylesheet  href=\"data:text/css,b{}\">");
}

#[test]
fn nothing_is_nested_too_deep() {
    let sizes = format!("<img srcset='a.gif 1w' sizes='{}'>", "calc((".repeat(50_000));
    let fonts = format!("<style>@font-face{{src:{}url(a)}}</style>", "url(none),".repeat(10_000));
    let links: String = (0..2000).map(|number| format!("<link rel=stylesheet href={number}.css>")).collect();
    let sheets: Vec<(String, String)> =
        (0..2000).map(|number| (format!("/d/{number}.css"), format!("@import '{}.css';", number + 1))).collect();
    let chain: Vec<(&str, &str, &str)> = sheets.iter().map(|(path, text)| (path.as_str(), "text/css", text.as_str())).collect();
    let modules: Vec<(String, String)> =
        (0..2000).map(|number| (format!("/d/{number}.js"), format!("import './{}.js'", number + 1))).collect();
    let imports: String = (0..2000).map(|number| format!("import './{number}.js';")).collect();
    let modules: Vec<(&str, &str, &str)> =
        modules.iter().map(|(path, text)| (path.as_str(), "text/javascript", text.as_str())).collect();
    for (html, others) in [
        (sizes, &[][..]),
        (fonts, &[]),
        (links, &chain),
        (format!("<script type=module>{imports}</script>"), &modules),
        ("<svg><style>a{b:url(x)}".repeat(2000), &[]),
        (format!("<p {}>", (0..20_000).map(|number| format!("a{number} ")).collect::<String>()), &[]),
        (format!("<script type=module>import;{}</script>", "=/[".repeat(20_000)), &[]),
    ] {
        assert!(saved(&html, others).len() > 10);
    }
}

#[test]
fn what_doubles_with_each_level_is_too_large() {
    let sheets: Vec<(String, String)> =
        (0..40).map(|number| (format!("/d/{number}.css"), format!("@import '{0}.css';@import '{0}.css';", number + 1))).collect();
    let mut site: Vec<(&str, &str, &str)> =
        sheets.iter().map(|(path, text)| (path.as_str(), "text/css", text.as_str())).collect();
    let links: String = (0..40).map(|number| format!("<link rel=stylesheet href={number}.css>")).collect();
    site.push(("/d/page.html", "text/html", &links));
    assert_eq!(page_of(&site, "").render(1_000_000), Err(TooLarge));
}

#[test]
fn the_order_of_responses_decides_nothing() {
    let html = "<iframe src=1.html></iframe><iframe src=2.html></iframe>";
    let frame = |map: &str| {
        format!(
            "<!DOCTYPE html><script type=importmap>{{\"imports\":{{\"v\":\"{map}\"}}}}</script><script type=module>import 'v'</script><link rel=stylesheet href=x.css>"
        )
    };
    let (first, second) = (frame("/1.js"), frame("/2.js").replace("<!DOCTYPE html>", "<meta charset=gbk>"));
    let site = [
        ("/d/page.html", "text/html", html),
        ("/d/1.html", "text/html", &first),
        ("/d/2.html", "text/html", &second),
        ("/1.js", "text/javascript", "one()"),
        ("/2.js", "text/javascript", "two()"),
        ("/d/x.css", "text/plain", "p::after{content:'\u{4e2d}'}"),
    ];
    let render = |reversed| page_in_order(&site, "", reversed).render(u64::MAX).expect("small");
    assert_eq!(render(false), render(true));
    assert!(render(false).contains("one()") && render(false).contains("two()"));
    let page = page_in_order(&site, "", true);
    assert_eq!(page.missing().into_values().collect::<Vec<_>>(), ["not a style sheet: text/plain"]);
}

#[test]
fn what_has_another_digest_than_the_page_says_is_missing() {
    let html = "<script integrity='sha256-AAAA' src=a.js></script><script src=a.js></script>";
    let page = page_of(&[("/d/page.html", "text/html", html), ("/d/a.js", "text/javascript", "f()")], "");
    let text = page.render(u64::MAX).expect("small");
    assert!(
        text.contains("<script  src=\"http://h/d/a.js\"></script><script src=\"data:text/javascript,f()\"></script>"),
        "{text}"
    );
    assert_eq!(page.missing().into_values().collect::<Vec<_>>(), ["it is not what the page's integrity attribute says"]);
}

#[test]
fn modules_are_in_the_page_once() {
    let html = "<!DOCTYPE html><html><head><script type=importmap>{\"imports\":{\"b\":\"./b.js\"}}</script><script type=module src=a.js></script>\
                <script type=module>import './c.js'; import 'b';</script>";
    let others = [
        ("/d/a.js", "text/javascript", "import './c.js';a(import.meta.url)"),
        ("/d/b.js", "text/javascript", "export * from './c.js'"),
        ("/d/c.js", "text/javascript", "import './b.js';c()"),
    ];
    let text = page_of(&[&[("/d/page.html", "text/html", html)], &others[..]].concat(), "").render(u64::MAX).expect("small");
    let map = text.split("<script type=\"importmap\">").nth(1).and_then(|rest| rest.split("</script>").next()).expect("a map");
    let map: serde_json::Value = serde_json::from_str(map).expect("JSON");
    let (b, c) =
        ("data:text/javascript,export * from %22http://h/d/c.js%22", "data:text/javascript,import %22http://h/d/b.js%22;c()");
    assert_eq!(map, serde_json::json!({"imports": {"http://h/d/c.js": c, "http://h/d/b.js": b, "b": b}}));
    let a = "src=\"data:text/javascript,import %22http://h/d/c.js%22;a(%22http://h/d/a.js%22)\"";
    assert!(
        text.contains(a) && text.contains("<script type=module>import \"http://h/d/c.js\"; import \"b\";</script>"),
        "{text}"
    );
    assert!(text.contains("<script type=importmap>{}</script>"), "{text}");
}

#[test]
fn chains_and_cycles_end() {
    let others = [
        ("/d/a.css", "text/css", "@import 'b.css';x{y:z}"),
        ("/d/b.css", "text/css", "@import 'a.css';u{v:w}"),
        ("/d/f.html", "text/html", "<iframe src=f.html>"),
    ];
    let text = saved("<link rel=stylesheet href=a.css>", &others);
    assert!(text.contains("x{y:z}") && text.contains("u{v:w}"), "{text}");
    let text = saved("<iframe src=f.html></iframe>", &others);
    assert!(text.contains("about:blank"), "{text}");
}

#[test]
fn one_font_of_a_rule_is_in_the_page() {
    let html = "<style>@font-face{src:url(a.eot);src:url(a.woff2) format('woff2'),url(a.woff),url(a.ttf)}</style>";
    let others = [("/d/a.woff", "", "wOFFx"), ("/d/a.ttf", "", "truex")];
    let wanted = "<style>@font-face{src:url(\"http://h/d/a.eot\");src:url(\"http://h/d/a.woff2\") format('woff2'),url(\"data:font/woff,wOFFx\"),url(\"http://h/d/a.ttf\")}</style>";
    assert_eq!(saved(html, &others), wanted);
}

#[test]
fn an_image_of_several_rules_is_in_the_page_once() {
    let image = format!("GIF89a{}", "x".repeat(2000));
    let html = "<link rel=stylesheet href=a.css><p style='background:url(a.gif)'>";
    let text = saved(html, &[("/d/a.gif", "image/gif", &image), ("/d/a.css", "text/css", "a{background:url(a.gif) no-repeat}")]);
    assert_eq!(text.matches("GIF89a").count(), 1, "{text}");
    assert!(
        text.contains("a{background:var(--fetch-1) no-repeat}") && text.contains("style=\"background:var(--fetch-1)\""),
        "{text}"
    );
}

#[test]
fn the_head_is_where_it_was() {
    for (html, wanted) in [
        ("<!DOCTYPE html><html lang=x><head><title>", "<!DOCTYPE html>\n[saved]<html lang=x><head>[head]<title>"),
        ("<p>x", "[saved]\n[head]<p>x"),
        ("text", "[saved]\n[head]text"),
        ("\n<!-- c --><html>\n<body>", "[saved]\n\n<!-- c --><html>\n[head]<body>"),
        ("", "[saved]\n[head]"),
    ] {
        let text = page_of(&[("/d/page.html", "text/html", html)], "").render(u64::MAX).expect("small");
        let head = text.find("<meta charset").expect("a head");
        let end = text.rfind("none'\">").expect("a head") + "none'\">".len();
        let shown = text
            .replace(&text[head..end], "[head]")
            .replace(&format!("<script>{}</script>", policy::NAVIGATION_GUARD), "")
            .replace(&format!("<!-- saved from url=(0020){PAGE} -->"), "[saved]");
        assert_eq!(shown, wanted);
    }
}

#[test]
fn the_page_says_that_it_is_utf_8() {
    let html = "<meta charset=gbk><meta http-equiv=content-type content='text/html; charset=GB2312'><p>";
    assert_eq!(
        saved(html, &[]),
        "<meta charset=\"utf-8\"><meta http-equiv=content-type content=\"text/html; charset=utf-8\"><p>"
    );
}

#[test]
fn a_page_has_a_size_at_most() {
    let others = [("/d/a.gif", "image/gif", GIF)];
    let html = "<img src=a.gif>".repeat(1000);
    let page = page_of(&[&[("/d/page.html", "text/html", html.as_str())], &others[..]].concat(), "");
    assert_eq!(page.render(10_000), Err(TooLarge));
    assert!(page.render(100_000).is_ok());
}

#[test]
fn what_is_left_out_is_not_requested() {
    let html = "<img src=a.gif><script src=a.js></script>";
    let page = page_of(&[("/d/page.html", "text/html", html), ("/d/a.js", "text/javascript", "f()")], "images");
    let text = page.render(u64::MAX).expect("small");
    assert!(text.contains("src=\"http://h/d/a.gif\"") && text.contains("data:text/javascript,f()"), "{text}");
    assert_eq!((page.counts(), page.missing().len()), ((1, 1), 0));
}

/// Pieces of pages, some of them broken.
const PIECES: &[&str] = &[
    "<img src=",
    "a.gif",
    "'",
    "\"",
    ">",
    "<",
    "/>",
    " ",
    "\n",
    "<style>",
    "</style>",
    "@import ",
    "url(",
    ")",
    "{",
    "}",
    ";",
    ":",
    "<script type=module>",
    "</script>",
    "import",
    " from ",
    "import.meta.url",
    "<svg>",
    "</svg>",
    "<use href=a.svg#x>",
    "<!--",
    "-->",
    "<noscript>",
    "</noscript>",
    "<iframe srcdoc=",
    "srcset=",
    "1x, ",
    "2w",
    "<base href=",
    "http://o/",
    "&amp;",
    "&",
    "\u{e9}",
    "\u{0}",
    "<!DOCTYPE html>",
    "<html>",
    "<head>",
    "<body>",
    "<meta charset=",
    "gbk",
    "<link rel=stylesheet href=",
    "a.css",
    "style=",
    "@font-face",
    "src:",
    "format(",
    "\\",
    "`",
    "${",
    "/*",
    "*/",
    "//",
    "<template>",
    "=",
    "<title>",
    "<![CDATA[",
    "]]>",
    "<plaintext>",
];

proptest::proptest! {
    #[test]
    fn whatever_a_page_has_in_it_is_saved(pieces in proptest::collection::vec(0..PIECES.len(), 0..60)) {
        let html: String = pieces.iter().map(|index| PIECES[*index]).collect();
        let others = [
            ("/d/a.gif", "image/gif", GIF),
            ("/d/a.css", "text/css", html.as_str()),
            ("/d/a.svg", "image/svg+xml", html.as_str()),
            ("/d/page.html", "text/html", html.as_str()),
        ];
        let render = |reversed| page_in_order(&others, "", reversed).render(10_000_000);
        proptest::prop_assert_eq!(render(false), render(true));
    }
}
