---@meta cflask
-- Annotations for editors (LuaLS): the names of the module with their types. Nothing loads this
-- file. An editor finds it where its settings name the folder, as in
-- {"workspace.library": ["/path/to/lua"]}; what each name means is in lua/API.md.
-- luacheck: ignore 241 631

---@alias cflask.Headers table<string, string|number|string[]>
---@alias cflask.Body string|table|cflask.Response|cflask.Error|fun(): string?
---@alias cflask.View fun(...): cflask.Body?, (string|integer|cflask.Headers)?, cflask.Headers?

---@class cflask.RouteOptions
---@field methods? string[]
---@field endpoint? string
---@field defaults? table<string, any>
---@field strict_slashes? boolean
---@field merge_slashes? boolean
---@field host? string
---@field subdomain? string
---@field redirect_to? string|fun(values: table): string
---@field alias? boolean
---@field build_only? boolean
---@field provide_automatic_options? boolean
---@field max_content_length? integer bytes

---@class cflask.SendOptions
---@field mimetype? string
---@field as_attachment? boolean
---@field download_name? string
---@field conditional? boolean
---@field etag? boolean
---@field last_modified? number seconds since 1970
---@field max_age? integer seconds

---@class cflask.CookieOptions
---@field max_age? integer seconds
---@field expires? number seconds since 1970
---@field path? string
---@field domain? string
---@field secure? boolean
---@field httponly? boolean
---@field samesite? "Lax"|"Strict"|"None"
---@field partitioned? boolean

---@class cflask.Rule
---@field rule string
---@field endpoint string
---@field methods string[]
---@field arguments string[]

---@class cflask.UrlMap
---@field converters table<string, table|fun(...): table>
local UrlMap = {}

---@return cflask.Rule[]
function UrlMap:iter_rules() end

---@class cflask.Scaffold
---@field name string
---@field root_path string
---@field static_folder string|false
---@field view_functions table<string, cflask.View>
local Scaffold = {}

---@param rule string
---@param options cflask.RouteOptions|cflask.View
---@param view? cflask.View
---@return cflask.View?
function Scaffold:route(rule, options, view) end

---@param rule string
---@param options string|cflask.RouteOptions|cflask.View
---@param view? cflask.View
---@return cflask.View
function Scaffold:get(rule, options, view) end

Scaffold.post, Scaffold.put, Scaffold.patch = Scaffold.get, Scaffold.get, Scaffold.get
Scaffold.delete, Scaffold.head, Scaffold.options = Scaffold.get, Scaffold.get, Scaffold.get

---@param rule string
---@param endpoint? string
---@param view? cflask.View
---@param options? cflask.RouteOptions
---@return cflask.View?
function Scaffold:add_url_rule(rule, endpoint, view, options) end

---@param name string
---@param view cflask.View
---@return cflask.View
function Scaffold:endpoint(name, view) end

---@param rule string
---@param object table with methods get, post, ...
---@param endpoint? string|cflask.RouteOptions
---@param options? cflask.RouteOptions
---@return cflask.View
function Scaffold:view_class(rule, object, endpoint, options) end

---@param fn fun(): cflask.Body?, any, any
function Scaffold:before_request(fn) end

---@param fn fun(response: cflask.Response): cflask.Response?
function Scaffold:after_request(fn) end

---@param fn fun(err: any)
function Scaffold:teardown_request(fn) end

---@param fn fun(): table
function Scaffold:context_processor(fn) end

---@param fn fun(endpoint: string, values: table)
function Scaffold:url_defaults(fn) end

---@param fn fun(endpoint: string?, values: table?)
function Scaffold:url_value_preprocessor(fn) end

---@param what integer|cflask.Class
---@param fn fun(err: cflask.Error): cflask.Body?, any, any
function Scaffold:errorhandler(what, fn) end

Scaffold.register_error_handler = Scaffold.errorhandler

---@param path string
---@param mode? "r"|"rb"
---@return file*
function Scaffold:open_resource(path, mode) end

---@param name string
---@return cflask.Response
function Scaffold:send_static_file(name) end

---@class cflask.Config: table<string, any>
local Config = {}

---@param path string
---@param options? {silent?: boolean, load?: fun(path: string): table}
---@return boolean
function Config:from_file(path, options) end

---@param values table
function Config:from_mapping(values) end

---@param object table|string
function Config:from_object(object) end

---@param prefix? string
function Config:from_prefixed_env(prefix) end

---@param prefix string
---@param options? {lowercase?: boolean, trim_namespace?: boolean}
---@return table
function Config:get_namespace(prefix, options) end

---@param key string
---@param default? any
---@return any
function Config:get(key, default) end

---@class cflask.App: cflask.Scaffold
---@field config cflask.Config
---@field logger cflask.Logger
---@field extensions table
---@field url_map cflask.UrlMap
---@field blueprints table<string, cflask.Blueprint>
---@field json {sort_keys: boolean, ensure_ascii: boolean, compact: boolean?, mimetype: string}
---@field debug boolean
---@field testing boolean
---@field secret_key string?
local App = {}

---@param blueprint cflask.Blueprint
---@param options? {url_prefix?: string, name?: string, subdomain?: string, url_defaults?: table}
function App:register_blueprint(blueprint, options) end

---@param fn fun(err: any)
function App:teardown_appcontext(fn) end

---@param fn fun(err: cflask.Error, endpoint: string, values: table): string?
function App:url_build_error_handler(fn) end

---@param fn fun()
function App:before_serving(fn) end

---@param fn fun()
function App:after_serving(fn) end

---@param name string
---@param fn fun(...: string): (boolean|integer)?
---@param help? string
function App:cli(name, fn, help) end

---What the shell has at hand besides its own names.
---@generic F: fun(): table?
---@param fn F
---@return F
function App:shell_context_processor(fn) end

---@param url? string "sqlite:blog.db"; without one: the database that was opened before
---@param options? cflask.SqliteOptions|{migrations?: string}
---@return cflask.Database
function App:database(url, options) end

---@param prefix string "/prefix" or "//host/"
---@param other cflask.App
function App:mount(prefix, other) end

---@param endpoint string|cflask.View
---@param values? table
---@return string
function App:url_for(endpoint, values) end

---@return cflask.App
function App:get_current_object() end

---@param fn fun(): any
---@return any ...
function App:app_context(fn) end

---@param path string
---@param options cflask.RequestOptions|fun(): any
---@param fn? fun(): any
---@return any ...
function App:test_request_context(path, options, fn) end

---@param options? {cookies?: boolean}
---@return cflask.TestClient
function App:test_client(options) end

---@return cflask.TestCliRunner
function App:test_cli_runner() end

---@param options? {host?: string, port?: integer, debug?: boolean, unix?: string, access_log?: boolean}
---@return cflask.App
function App:run(options) end

---@class cflask.BlueprintOptions
---@field url_prefix? string
---@field subdomain? string
---@field url_defaults? table
---@field template_folder? string
---@field static_folder? string
---@field static_url_path? string
---@field root_path? string

---@class cflask.Blueprint: cflask.Scaffold
---@field url_prefix string?
local Blueprint = {}

---@param blueprint cflask.Blueprint
---@param options? table
function Blueprint:register_blueprint(blueprint, options) end

---@param fn fun(state: table)
function Blueprint:record(fn) end

---@param what integer|cflask.Class
---@param fn fun(err: cflask.Error): cflask.Body?, any, any
function Blueprint:app_errorhandler(what, fn) end

Blueprint.before_app_request = Scaffold.before_request
Blueprint.after_app_request = Scaffold.after_request
Blueprint.teardown_app_request = Scaffold.teardown_request
Blueprint.app_context_processor = Scaffold.context_processor
Blueprint.app_url_defaults = Scaffold.url_defaults
Blueprint.app_url_value_preprocessor = Scaffold.url_value_preprocessor

-- params: the names of all of fn's parameters; the value's own may be left out.

---@param name string
---@param fn fun(value: any, ...): any
---@param params? string[]
function App:template_filter(name, fn, params) end

---@param name string
---@param fn fun(value: any, ...): any
---@param params? string[]
function App:template_test(name, fn, params) end

---@param name string
---@param fn fun(...): any
---@param params? string[]
function App:template_global(name, fn, params) end

App.add_template_filter = App.template_filter
App.add_template_test = App.template_test
App.add_template_global = App.template_global
Blueprint.app_template_filter = App.template_filter
Blueprint.app_template_test = App.template_test
Blueprint.app_template_global = App.template_global
Blueprint.add_app_template_filter = App.template_filter
Blueprint.add_app_template_test = App.template_test
Blueprint.add_app_template_global = App.template_global

---@class cflask.Logger
local Logger = {}

---@param fmt string
---@param ... any
function Logger:info(fmt, ...) end

Logger.debug, Logger.warning, Logger.error = Logger.info, Logger.info, Logger.info

---@return "debug"|"info"|"warning"|"error"
function Logger:get_level() end

---@param level "debug"|"info"|"warning"|"error"
function Logger:set_level(level) end

---@class cflask.MultiDict
---@field [string] string?
local MultiDict = {}

---@param key string
---@param default? any
---@param convert? fun(text: string): any
---@return any
function MultiDict:get(key, default, convert) end

---@param key string
---@param convert? fun(text: string): any
---@return any[]
function MultiDict:getlist(key, convert) end

---@param key string
---@param convert? fun(text: string): any
---@return any
function MultiDict:require(key, convert) end

---@param key string
---@return boolean
function MultiDict:has(key) end

---@param options? {flat?: boolean}
---@return table
function MultiDict:to_table(options) end

---@param options? {multi?: boolean}
---@return fun(): string?, string?
function MultiDict:items(options) end

---@class cflask.Upload
---@field filename string
---@field name string
---@field content_type string?
---@field headers table
---@field size integer
local Upload = {}

---@param n? integer
---@return string?
function Upload:read(n) end

---@param whence? "set"|"cur"|"end"
---@param offset? integer
---@return integer
function Upload:seek(whence, offset) end

---@return fun(): string?
function Upload:lines() end

---@param path string
function Upload:save(path) end

---@class cflask.Tags what If-Match and If-None-Match hold
---@field star boolean
---@field strong string[]
---@field weak string[]
local Tags = {}

---@param tag string
---@return boolean
function Tags:contains(tag) end

---@param tag string
---@return boolean
function Tags:contains_weak(tag) end

---@class cflask.Accept
local Accept = {}

---@param list string[]
---@param default? any
---@return any
function Accept:best_match(list, default) end

---@param value string
---@return number
function Accept:quality(value) end

---@param value string
---@return boolean
function Accept:accepts(value) end

---@return string[]
function Accept:values() end

---@class cflask.Request
---@field method string
---@field path string
---@field full_path string
---@field query_string string
---@field url string
---@field base_url string
---@field root_url string
---@field url_root string
---@field root_path string
---@field script_root string
---@field host string
---@field host_url string
---@field scheme string
---@field is_secure boolean
---@field remote_addr string?
---@field remote_port integer?
---@field access_route string[]
---@field endpoint string?
---@field url_rule string?
---@field view_args table?
---@field blueprint string?
---@field blueprints string[]
---@field args cflask.MultiDict
---@field form cflask.MultiDict
---@field files cflask.MultiDict|{[string]: cflask.Upload?}
---@field values cflask.MultiDict
---@field headers cflask.MultiDict
---@field cookies cflask.MultiDict
---@field data string
---@field stream cflask.Upload the body, to be read, sought in and gone through by lines
---@field json any
---@field is_json boolean
---@field mimetype string
---@field mimetype_params table<string, string>
---@field content_type string?
---@field content_length integer?
---@field content_encoding string?
---@field referrer string?
---@field origin string?
---@field user_agent string?
---@field date integer?
---@field authorization {type: string, username: string?, password: string?, token: string?, parameters: table?}?
---@field accept_mimetypes cflask.Accept
---@field accept_languages cflask.Accept
---@field accept_encodings cflask.Accept
---@field accept_charsets cflask.Accept
---@field if_match cflask.Tags
---@field if_none_match cflask.Tags
---@field if_range {etag: string?, date: integer?}
---@field if_modified_since integer? seconds since 1970
---@field if_unmodified_since integer? seconds since 1970
---@field range {units: string, ranges: integer[][]}?
---@field cache_control table
---@field pragma string?
---@field max_forwards integer?
---@field id string
---@field max_content_length integer? bytes
---@field max_form_memory_size integer? bytes
---@field max_form_parts integer?
local Request = {}

---@return string
function Request:get_data() end

---@param options? {force?: boolean, silent?: boolean}
---@return any
function Request:get_json(options) end

---@class cflask.ResponseHeaders
---@field [string] string|number|string[]|nil
local ResponseHeaders = {}

---@param name string
---@param default? any
---@return any
function ResponseHeaders:get(name, default) end

---@param name string
---@return string[]
function ResponseHeaders:getlist(name) end

---@param name string
---@param value string|number|string[]|nil
function ResponseHeaders:set(name, value) end

---@param name string
---@param value string|number
---@return string
function ResponseHeaders:setdefault(name, value) end

---@param name string
---@param value string|number
function ResponseHeaders:add(name, value) end

---@param values cflask.Headers
function ResponseHeaders:extend(values) end

---@param name string
function ResponseHeaders:remove(name) end

---@param name string
---@return boolean
function ResponseHeaders:has(name) end

---@class cflask.Response
---@field status_code integer
---@field status string
---@field headers cflask.ResponseHeaders
---@field data string
---@field mimetype string
---@field content_type string
---@field content_length integer?
---@field is_json boolean
---@field json any
---@field location string?
---@field vary string?
---@field allow string?
---@field content_language string?
---@field cache_control table
---@field last_modified integer?
---@field expires integer?
---@field date integer?
---@field age integer?
---@field retry_after number? seconds, or from 10^9 on a date
---@field www_authenticate any
---@field content_security_policy any
---@field content_security_policy_report_only any
---@field mimetype_params table<string, string>
---@field content_location string?
---@field content_encoding string?
---@field content_md5 string?
---@field content_range string?
---@field accept_ranges string?
---@field access_control_allow_origin string?
---@field access_control_allow_methods string?
---@field access_control_allow_headers string?
---@field access_control_expose_headers string?
---@field access_control_allow_credentials boolean
---@field access_control_max_age integer?
---@field cross_origin_opener_policy string?
---@field cross_origin_embedder_policy string?
local Response = {}

---@return string
function Response:get_data() end

---@param text string
function Response:set_data(text) end

---@param name string
---@param value? string|number
---@param options? cflask.CookieOptions
function Response:set_cookie(name, value, options) end

---@param name string
---@param options? cflask.CookieOptions
function Response:delete_cookie(name, options) end

---@param tag string
---@param weak? boolean
function Response:set_etag(tag, weak) end

---@return string?, boolean?
function Response:get_etag() end

function Response:add_etag() end

---@return cflask.Response
function Response:make_conditional() end

---@param options? {force?: boolean, silent?: boolean}
---@return any
function Response:get_json(options) end

---@param fn fun()
function Response:call_on_close(fn) end

---@class cflask.Class
---@operator call(table|string|nil): cflask.Error

---@class cflask.Error
---@field name string
---@field message string?
---@field code integer?
---@field description string?
---@field headers table?
---@field response cflask.Response?
---@field original any
---@field traceback string?

---@class cflask.Markup
---@operator concat(any): cflask.Markup

---@class cflask.Signal
---@field name string
local Signal = {}

---@param fn fun(app: cflask.App, values: table)
---@param app? cflask.App
---@return fun(app: cflask.App, values: table)
function Signal:connect(fn, app) end

---@param fn fun(app: cflask.App, values: table)
---@param app? cflask.App
function Signal:disconnect(fn, app) end

---@param app cflask.App
---@param values? table
function Signal:send(app, values) end

---@class cflask.Signals
---@field request_started cflask.Signal
---@field request_finished cflask.Signal
---@field request_tearing_down cflask.Signal
---@field got_request_exception cflask.Signal
---@field appcontext_pushed cflask.Signal
---@field appcontext_popped cflask.Signal
---@field appcontext_tearing_down cflask.Signal
---@field signal fun(name: string): cflask.Signal

---@class cflask.G what a request keeps
---@field [string] any
local G = {}

---@param name string
---@param default? any
---@return any
function G:get(name, default) end

---@param name string
---@param default? any
---@return any
function G:pop(name, default) end

---@param name string
---@param value any
---@return any
function G:setdefault(name, value) end

---@class cflask.RequestOptions
---@field method? string
---@field base_url? string
---@field query? string|table
---@field headers? cflask.Headers
---@field form? table
---@field json? any
---@field data? string|fun(): string?
---@field files? table
---@field content_type? string
---@field follow_redirects? boolean
---@field auth? string|string[]
---@field environ? {remote_addr?: string, remote_port?: integer}

---@class cflask.TestResponse
---@field status_code integer
---@field status string
---@field headers table
---@field data string
---@field text string
---@field json any
---@field is_json boolean
---@field mimetype string
---@field content_type string?
---@field content_length integer?
---@field location string?
---@field history cflask.TestResponse[]
---@field request table
---@field is_whole boolean

---@class cflask.TestClient
local TestClient = {}

---@param path string
---@param options? cflask.RequestOptions
---@return cflask.TestResponse
function TestClient:open(path, options) end

TestClient.get, TestClient.post, TestClient.put = TestClient.open, TestClient.open, TestClient.open
TestClient.patch, TestClient.delete = TestClient.open, TestClient.open
TestClient.head, TestClient.options = TestClient.open, TestClient.open

---@param fn fun(): any
---@return any ...
function TestClient:context(fn) end

---@param path string|fun(session: cflask.Session): any
---@param options? table|fun(session: cflask.Session): any
---@param fn? fun(session: cflask.Session): any
---@return any ...
function TestClient:session_transaction(path, options, fn) end

---@param name string
---@param value string
---@param options? cflask.CookieOptions
function TestClient:set_cookie(name, value, options) end

---@param name string
---@param options? {domain?: string, path?: string}
---@return table?
function TestClient:get_cookie(name, options) end

---@param name string
---@param options? {domain?: string, path?: string}
function TestClient:delete_cookie(name, options) end

---@class cflask.TestCliRunner
local TestCliRunner = {}

---@param words string[]
---@return {output: string, exit_code: integer, exception: any}
function TestCliRunner:invoke(words) end

---@class cflask.Csrf
---@field CSRFError cflask.Class
local Csrf = {}

---@param app cflask.App
---@return cflask.App
function Csrf.protect(app) end

---@return string
function Csrf.token() end

function Csrf.check() end

---@generic T
---@param what T a view, a blueprint, or an endpoint's name with its app
---@param app? cflask.App
---@return T
function Csrf.exempt(what, app) end

---@class cflask.LoginOptions
---@field user_loader? fun(id: string): table?
---@field request_loader? fun(request: cflask.Request): table?
---@field login_view? string|false
---@field blueprint_login_views? table<string, string>
---@field login_message? string|false
---@field login_message_category? string
---@field refresh_view? string|false
---@field refresh_message? string|false
---@field refresh_message_category? string
---@field unauthorized? cflask.View
---@field needs_refresh? cflask.View
---@field remember_cookie_duration? number seconds
---@field session_protection? "basic"|"strong"|false

---@class cflask.Login
local Login = {}

---@param app cflask.App
---@param options cflask.LoginOptions
---@return cflask.App
function Login.init(app, options) end

---@return table? user
function Login.current_user() end

---@param user table
---@param options? {remember?: boolean, duration?: number, fresh?: boolean, force?: boolean}
---@return boolean
function Login.login_user(user, options) end

---@return true
function Login.logout_user() end

---@param view cflask.View
---@return cflask.View
function Login.required(view) end

---@param ... string
---@return fun(view: cflask.View): cflask.View
function Login.roles(...) end

---@param fn fun(user: table, ...): boolean?
---@return fun(view: cflask.View): cflask.View
function Login.permission(fn) end

---@param view cflask.View
---@return cflask.View
function Login.fresh(view) end

---@param name string
---@return boolean
function Login.has_role(name) end

---@return boolean
function Login.is_fresh() end

function Login.confirm_login() end

---@param default? string
---@return string
function Login.next_url(default) end

---@param url any
---@return boolean
function Login.is_local_url(url) end

---@return any
function Login.unauthorized() end

---@return any
function Login.needs_refresh() end

---@class cflask.LimitOptions
---@field key? fun(): string?
---@field methods? string[]
---@field per_method? boolean
---@field scope? string
---@field exempt_when? fun(): boolean
---@field override_default? boolean

---@class cflask.Limiter
local Limiter = {}

---@param text string|string[] as in "5/minute"
---@param options? cflask.LimitOptions
---@return fun(view: cflask.View|cflask.Blueprint): cflask.View|cflask.Blueprint
function Limiter:limit(text, options) end

---@param view cflask.View|cflask.Blueprint
---@return cflask.View|cflask.Blueprint
function Limiter:exempt(view) end
---@class cflask.Security
local Security = {}

---@param password string
---@param options? {method?: string, salt_length?: integer}
---@return string
function Security.generate_password_hash(password, options) end

---@param hash string?
---@param password string
---@return boolean
function Security.check_password_hash(hash, password) end

---@param folder string
---@param ... string
---@return string?
function Security.safe_join(folder, ...) end

---@param filename string
---@return string
function Security.secure_filename(filename) end

---@param n? integer
---@return string
function Security.random_token(n) end

---@param a string
---@param b string
---@return boolean
function Security.constant_time_equal(a, b) end

---@param name string
---@param s string
---@return string
function Security.digest(name, s) end

---@param name string
---@param key string
---@param s string
---@return string
function Security.hmac(name, key, s) end

---@param s string
---@param options? {urlsafe?: boolean}
---@return string
function Security.to_base64(s, options) end

---@param text string
---@return string?, string?
function Security.from_base64(text) end

---@class cflask.Session
---@field permanent boolean stands for _permanent
---@field [string] any

---@class cflask.SignerOptions
---@field salt? string
---@field key_derivation? "django-concat"|"concat"|"hmac"|"none"
---@field digest_method? "sha1"|"sha256"|"sha384"|"sha512"

---@class cflask.UnsignOptions
---@field max_age? number seconds
---@field return_timestamp? boolean

---@class cflask.Signer
local Signer = {}

---@param value string
---@return string
function Signer:sign(value) end

---@param text string
---@param options? cflask.UnsignOptions of a TimestampSigner
---@return string value
---@return integer? time seconds since 1970
function Signer:unsign(text, options) end

---@param text string
---@param options? {max_age?: number} of a TimestampSigner
---@return boolean
function Signer:validate(text, options) end

---@class cflask.Serializer
local Serializer = {}

---@param value any
---@return string
function Serializer:dumps(value) end

---@param text string
---@param options? cflask.UnsignOptions of a URLSafeTimedSerializer
---@return any value
---@return integer? time seconds since 1970
function Serializer:loads(text, options) end

---@param payload string
---@return any
function Serializer:load_payload(payload) end

---@class cflask.Signing
---@field BadSignature cflask.Class
---@field BadTimeSignature cflask.Class
---@field SignatureExpired cflask.Class
---@field BadPayload cflask.Class
---@field Signer fun(secrets: string|string[], options?: cflask.SignerOptions): cflask.Signer
---@field TimestampSigner fun(secrets: string|string[], options?: cflask.SignerOptions): cflask.Signer
---@field URLSafeSerializer fun(secrets: string|string[], options?: cflask.SignerOptions): cflask.Serializer
---@field URLSafeTimedSerializer fun(secrets: string|string[], options?: cflask.SignerOptions): cflask.Serializer

---@class cflask
---@field csrf cflask.Csrf
---@field login cflask.Login
---@field request cflask.Request
---@field g cflask.G
---@field session cflask.Session
---@field signing cflask.Signing
---@field current_app cflask.App
---@field null lightuserdata
---@field json {encode: fun(value: any, options?: table): string, decode: fun(text: string): any, null: lightuserdata, array: fun(t: table): table, is_array: fun(t: any): boolean}
---@field signals cflask.Signals
---@field security cflask.Security
---@field exceptions table<string, cflask.Class>
---@field Error cflask.Class
---@field HTTPException cflask.Class
---@field BuildError cflask.Class
---@field Timeout cflask.Class
---@field BadSignature cflask.Class
---@field SignatureExpired cflask.Class
---@field TemplateError cflask.Class
---@field version string
local flask = {}

---@param name? string
---@param options? string|{root_path?: string, template_folder?: string|false, static_folder?: string|false, static_url_path?: string}
---@return cflask.App
function flask.Flask(name, options) end

---@param name string
---@param import_name? string|cflask.BlueprintOptions
---@param options? cflask.BlueprintOptions
---@return cflask.Blueprint
function flask.Blueprint(name, import_name, options) end

---@param name string|string[]
---@param context? table<string, any>
---@return string
function flask.render_template(name, context) end

---@param source string
---@param context? table<string, any>
---@return string
function flask.render_template_string(source, context) end

---@param name string|string[]
---@param context? table<string, any>
---@return fun(): string?
function flask.stream_template(name, context) end

---@param source string
---@param context? table<string, any>
---@return fun(): string?
function flask.stream_template_string(source, context) end

---@param name string
---@param attribute string
---@return any
function flask.get_template_attribute(name, attribute) end

---@param value any
---@return boolean
function flask.is_kwargs(value) end

---@param endpoint string|cflask.View
---@param values? table
---@return string
function flask.url_for(endpoint, values) end

---@param what integer|cflask.Response
---@param description? string
---@param headers? table
function flask.abort(what, description, headers) end

---@param url string
---@param code? integer
---@return cflask.Response
function flask.redirect(url, code) end

---@param ... any
---@return cflask.Response
function flask.jsonify(...) end

---@param body? string|fun(): string?
---@param options? {status?: integer|string, headers?: table, mimetype?: string, content_type?: string}
---@return cflask.Response
function flask.Response(body, options) end

---@param ... any
---@return cflask.Response
function flask.make_response(...) end

---@param fn fun(write: fun(text: string))
---@return fun(): string?
function flask.stream(fn) end

---@param what string|file*|{data: string}
---@param options? cflask.SendOptions
---@return cflask.Response
function flask.send_file(what, options) end

---@param folder string
---@param path string
---@param options? cflask.SendOptions
---@return cflask.Response
function flask.send_from_directory(folder, path, options) end

---@class cflask.CorsOptions
---@field origins? string|(string|fun(origin: string): boolean)[]|fun(origin: string): boolean
---@field methods? string|string[]
---@field allow_headers? string|string[]
---@field expose_headers? string|string[]
---@field supports_credentials? boolean
---@field max_age? integer seconds
---@field resources? string|string[]|table<string, cflask.CorsOptions>
---@field automatic_options? boolean

---@param app cflask.App|cflask.Blueprint
---@param options? cflask.CorsOptions
---@return cflask.App|cflask.Blueprint
function flask.cors(app, options) end

---@class cflask.SecurityHeadersOptions
---@field content_security_policy? string|false|table<string, string|string[]|boolean>
---@field content_security_policy_report_only? boolean
---@field nonce_in? string[]
---@field strict_transport_security? string|false|{max_age?: integer, include_subdomains?: boolean, preload?: boolean}
---@field frame_options? string|false
---@field content_type_options? string|boolean
---@field referrer_policy? string|false
---@field permissions_policy? string|false|table<string, string|string[]|false>
---@field cross_origin_opener_policy? string|false
---@field force_https? boolean
---@field force_https_permanent? boolean

---@param app cflask.App|cflask.Blueprint
---@param options? cflask.SecurityHeadersOptions
---@return {csp_nonce: fun(): string}
function flask.security_headers(app, options) end

---@param app cflask.App
---@param options? {default?: string|string[], application?: string|string[], key?: fun(): string?, headers?: boolean, exempt_when?: fun(): boolean}
---@return cflask.Limiter
function flask.limiter(app, options) end

---@param fn fun(response: cflask.Response): cflask.Response?
function flask.after_this_request(fn) end

---@param name string
---@param parent? cflask.Class
---@param defaults? table
---@return cflask.Class
function flask.Class(name, parent, defaults) end

---@param value any
---@param class cflask.Class
---@return boolean
function flask.is(value, class) end

---@param name string
---@param default? any
---@return any
function flask.env(name, default) end

---@param seconds number
function flask.sleep(seconds) end

---@param functions (fun(): any)[]
---@return any ...
function flask.gather(functions) end

---@param seconds number
---@param fn fun(): any
---@return any ...
function flask.timeout(seconds, fn) end

---@param fn fun(...)
---@param ... any
function flask.spawn(fn, ...) end

---@param message string|cflask.Markup
---@param category? string
function flask.flash(message, category) end

---@param options? {with_categories?: boolean, category_filter?: string[]}
---@return table
function flask.get_flashed_messages(options) end

function flask.session_clear() end

function flask.session_touch() end

---@return boolean
function flask.session_is_new() end

---@return boolean
function flask.session_is_modified() end

---@return boolean
function flask.has_request_context() end

---@return boolean
function flask.has_app_context() end

---@param pairs any[][]
---@return table
function flask.ordered(pairs) end

---@param text string
---@return integer?
function flask.int(text) end

---@param text string
---@return number?
function flask.number(text) end

---@param text string
---@return boolean?
function flask.boolean(text) end

---@param text string
---@return cflask.Markup
function flask.Markup(text) end

---@param value any
---@return cflask.Markup
function flask.escape(value) end

---@param time? number seconds since 1970
---@return string
function flask.http_date(time) end

---@param text string
---@return integer?
function flask.parse_date(text) end

---@alias cflask.SqliteRow table<string, any>

---@class cflask.SqliteOptions
---@field readonly? boolean
---@field synchronous? "OFF"|"NORMAL"|"FULL"|"EXTRA"
---@field timeout? number seconds
---@field readers? integer
---@field waiting? integer
---@field statements? integer
---@field pragmas? table<string, string|number>

---What `require "cflask.sqlite"` gives.
---@class cflask.Sqlite
---@field Error cflask.Class
---@field version string
local sqlite = {}

---@param path string
---@param options? cflask.SqliteOptions
---@return cflask.Database
function sqlite.open(path, options) end

---@param bytes string
---@return table a parameter that is bound as a BLOB
function sqlite.blob(bytes) end

---@param text string
---@return boolean
function sqlite.is_complete(text) end

---@class cflask.Database
---@field path string
local Database = {}

---@param sql string
---@param ... any one table of parameters, or their values
---@return cflask.SqliteRow[]
function Database:query(sql, ...) end

---@param sql string
---@param ... any
---@return cflask.SqliteRow?
function Database:one(sql, ...) end

---@param sql string
---@param ... any
---@return fun(): cflask.SqliteRow?
function Database:rows(sql, ...) end

---@param sql string
---@param ... any
---@return integer changes
---@return integer last_insert_id
function Database:exec(sql, ...) end

---@return integer?
function Database:last_insert_id() end

---@return integer
function Database:changes() end

---@param fn fun(db: cflask.Database): ...
---@return any ...
function Database:transaction(fn) end

---@return boolean
function Database:in_transaction() end

---@param folder? string an app's database has a default, and takes it from the app's folder
---@return string[]
function Database:migrate(folder) end

---@param folder string
---@return {number: integer, name: string, applied_at: string?, is_changed: boolean}[]
function Database:migrations(folder) end

function Database:close() end

return flask
